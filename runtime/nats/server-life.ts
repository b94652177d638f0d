/**
 * One life of a nats-server process: from the spawn to the exit.
 *
 * What it does is known from its log on stderr, as nats-server's ports file leaves out the leaf port and
 * nothing else says whether a reload was taken. The lines read here are `Listening for … on`,
 * `Server is ready`, `Reloaded server configuration` and `Failed to reload server configuration: …`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { messageOf, UmecError } from "../errors.ts";
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

export function startLife(options: ServerLifeOptions): ServerLife {
  const { path, configFile, log } = options;
  const child: ChildProcess = spawn(path, ["--logtime=false", "-c", configFile], {
    stdio: ["ignore", "ignore", "pipe"],
    // A group of its own: Ctrl-C must reach the runtime alone, which stops the server last.
    detached: true,
    env: { ...process.env, GOMEMLIMIT: `${options.memoryLimitBytes}B` },
  });
  const ready = Promise.withResolvers<NatsPorts>();
  const exited = Promise.withResolvers<string>();
  const ports: NatsPorts = { client: -1, leaf: -1, websocket: -1 };
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
  createInterface({ input: child.stderr! }).on("line", hear);
  child.once("error", (error) => {
    complaints.push(messageOf(error));
    if (child.pid === undefined) end("could not be started");
  });
  // `close` and not `exit`: its last words are the reason.
  child.once("close", (code, signal) => end(signal ? `was ended by ${signal}` : `ended with code ${code}`));

  return {
    pid: child.pid ?? -1,
    ready: ready.promise,
    exited: exited.promise,
    reload() {
      reloading = Promise.withResolvers<void>();
      const { promise } = reloading;
      if (!child.kill("SIGHUP")) settleReload("it has ended");
      return promise;
    },
    kill: (signal) => void child.kill(signal),
  };
}
