/**
 * One life of a nats-server process: from the spawn to the exit.
 *
 * What it does is known from its log on stderr, as nats-server's ports file leaves out the leaf port and
 * nothing else says whether a reload was taken. The lines read here are `Listening for … on`,
 * `Server is ready`, `Reloaded server configuration` and `Failed to reload server configuration: …`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { messageOf, UmecError } from "../errors.ts";
import { leaveStream } from "../handover/give.ts";
import type { Log } from "../log.ts";

/** Ports; -1 in a configuration means any free one. */
export interface NatsPorts {
  client: number;
  /** Stays -1 while the server listens for no leaf nodes. */
  leaf: number;
  /** The same for WebSockets. */
  websocket: number;
}

export interface ServerLife {
  readonly pid: number;
  /** Rejects with `NATS_SERVER_START_FAILED` when the process ends before it is ready. */
  readonly ready: Promise<NatsPorts>;
  /** Resolves with words for how it ended; never rejects. */
  readonly exited: Promise<string>;
  /** Has the configuration file read again. Rejects with `NATS_SERVER_RELOAD_FAILED`. One at a time. */
  reload(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Reads its log no more; it runs on. The descriptor of that pipe. Throws where it has ended. */
  leave(): number;
}

/** One that runs already, as ../handover/take.ts has it. */
export interface AdoptedLife {
  pid: number;
  stderr: Readable;
  ports: NatsPorts;
  /** In words how it ended. */
  ended: Promise<string>;
}

export interface ServerLifeOptions {
  path: string;
  configFile: string;
  memoryLimitBytes: number;
  log: Log;
  /** Given each warning and error first; those that it takes are not logged. */
  onComplaint?: (message: string) => boolean;
}

const line = /^\[\d+\] \[([A-Z]{3})\] (.*)$/;
/** Its information is our detail. */
const levels = new Map<string, "warn" | "error">([
  ["WRN", "warn"],
  ["ERR", "error"],
  ["FTL", "error"],
]);

const listeners = {
  "client connections": "client",
  "leafnode connections": "leaf",
  "websocket clients": "websocket",
} as const;

/** @param adopted is taken over instead of a start: it is ready */
export function startLife(options: ServerLifeOptions, adopted?: AdoptedLife): ServerLife {
  const { path, log } = options;
  const child = adopted ? undefined : spawnServer(options);
  const stderr = adopted?.stderr ?? child!.stderr!;
  const pid = adopted?.pid ?? child!.pid;
  const kill = (signal: NodeJS.Signals): boolean =>
    child ? child.kill(signal) : signalTo(adopted!.pid, signal);
  const ready = Promise.withResolvers<NatsPorts>();
  const exited = Promise.withResolvers<string>();
  const ports: NatsPorts = adopted?.ports ?? { client: -1, leaf: -1, websocket: -1 };
  const complaints: string[] = [];
  let reloading: PromiseWithResolvers<void> | undefined;

  const settleReload = (failure?: string) => {
    if (failure === undefined) reloading?.resolve();
    else reloading?.reject(new UmecError("NATS_SERVER_RELOAD_FAILED", `nats-server: ${failure}`));
    reloading = undefined;
  };
  const hear = (text: string) => {
    const [, code = "ERR", message = text] = line.exec(text) ?? [];
    const level = levels.get(code) ?? "debug";
    if (level !== "debug" && options.onComplaint?.(message)) return;
    log[level](message);
    if (level !== "debug" && complaints.push(message) > 3) complaints.shift();

    const listening =
      /^Listening for (client connections|leafnode connections|websocket clients) on .*:(\d+)$/.exec(message);
    if (listening) ports[listeners[listening[1] as keyof typeof listeners]] = Number(listening[2]);
    else if (message === "Server is ready") ready.resolve({ ...ports });
    else if (message.startsWith("Reloaded server configuration")) settleReload();
    else if (message.startsWith("Failed to reload server configuration")) settleReload(message);
  };
  const end = (how: string) => {
    settleReload(`${how} during a reload`);
    ready.reject(
      new UmecError(
        "NATS_SERVER_START_FAILED",
        `${path} ${how}: ${complaints.join("; ") || "no reason given"}`,
      ),
    );
    exited.resolve(how);
  };
  ready.promise.catch(() => undefined);
  createInterface({ input: stderr }).on("line", hear);
  if (adopted) {
    ready.resolve({ ...ports });
    void adopted.ended.then(end);
  }
  child?.once("error", (error) => {
    complaints.push(messageOf(error));
    if (child.pid === undefined) end("could not be started");
  });
  // `close` and not `exit`: its last words are the reason.
  child?.once("close", (code, signal) => end(signal ? `was ended by ${signal}` : `ended with code ${code}`));

  return {
    pid: pid ?? -1,
    ready: ready.promise,
    exited: exited.promise,
    reload() {
      reloading = Promise.withResolvers<void>();
      const { promise } = reloading;
      if (!kill("SIGHUP")) settleReload("it has ended");
      return promise;
    },
    kill: (signal) => void kill(signal),
    leave: () => leaveStream(stderr),
  };
}

function spawnServer({ path, configFile, memoryLimitBytes }: ServerLifeOptions): ChildProcess {
  return spawn(path, ["--logtime=false", "-c", configFile], {
    stdio: ["ignore", "ignore", "pipe"],
    // A group of its own: Ctrl-C must reach the runtime alone, which stops the server last.
    detached: true,
    env: { ...process.env, GOMEMLIMIT: `${memoryLimitBytes}B` },
  });
}

function signalTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
