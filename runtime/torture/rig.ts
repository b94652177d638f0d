import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { ConstantBackoff, handleAll, retry } from "cockatiel";
import { type CutProxy, startCutProxy } from "../demo/cut-proxy.ts";
import { type HubServer, startHubServer } from "../hub/server.ts";
import { provisionStream } from "../hub/stream.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import type { FromVictim, ToVictim, VictimConfig } from "./victim.ts";

/** The world around the victims: one hub and one network, shared by all cases. */
export interface Rig extends AsyncDisposable {
  readonly node: string;
  /** A fresh connection to the hub: an old one may be waiting for a hub that was killed. */
  connectFleet(): Promise<NatsConnection>;
  readonly proxy: CutProxy;
  readonly dir: string;
  /** The hub's process; another one after each kill. */
  hubPid(): number;
  /** Starts a node process on the data in `dir`. */
  spawn(dir: string, quotaBytes: number): Promise<Victim>;
}

export async function startRig(): Promise<Rig> {
  const node = "victim";
  const { path: natsServerPath } = await findNatsServer();
  const dir = await mkdtemp(join(tmpdir(), "umec-torture-"));
  const hub: HubServer = await startHubServer({
    dir: join(dir, "hub"),
    natsServerPath,
    nodes: [node],
    log: silentLog,
  });
  const fleet = await hub.connectFleet();
  await provisionStream(fleet, { log: silentLog });
  await fleet.close();
  const target = new URL(hub.leafUrl.replace("nats-leaf", "http"));
  const proxy = await startCutProxy({ host: target.hostname, port: Number(target.port) });
  // The next process loads its code while the present one is tortured.
  let spare = forkVictim();
  return {
    node,
    // The hub may be on its way up again.
    connectFleet: () =>
      retry(handleAll, { maxAttempts: 100, backoff: new ConstantBackoff(100) }).execute(() =>
        hub.connectFleet(),
      ),
    proxy,
    dir,
    hubPid: () => pidIn(join(dir, "hub")),
    spawn(data, quotaBytes) {
      const process = spare;
      spare = forkVictim();
      const config = {
        node,
        dir: data,
        natsServerPath,
        leafUrl: `nats-leaf://127.0.0.1:${proxy.port}`,
        credentialsFile: hub.credentialsFile(node),
        quotaBytes,
      };
      return Victim.spawn(config, process);
    },
    async [Symbol.asyncDispose]() {
      spare.kill("SIGKILL");
      await hub.stop();
      await proxy[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function forkVictim(): ChildProcess {
  return fork(new URL("./victim.ts", import.meta.url), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

export function pidIn(dir: string): number {
  return Number(readFileSync(join(dir, "nats-server.pid"), "utf8"));
}

export interface Emit {
  plugin: string;
  lane: Extract<ToVictim, { kind: "emit" }>["lane"];
  first: number;
  samples: number;
  padBytes: number;
}

/** One life of the node process. */
export class Victim {
  readonly #process: ChildProcess;
  readonly #config: VictimConfig;
  readonly #waiting = new Map<number, (row: number | undefined) => void>();
  readonly #exited: Promise<unknown>;
  #drained: PromiseWithResolvers<void> | undefined;
  #started = Promise.withResolvers<void>();
  #lastEmit = 0;
  state = "";

  private constructor(config: VictimConfig, process: ChildProcess) {
    this.#config = config;
    this.#process = process;
    this.#exited = once(this.#process, "exit").then(() => this.#gone());
    this.#process.on("message", (message: FromVictim) => this.#take(message));
    // A message to a process that was just killed is lost, as it would be.
    this.#process.on("error", () => {});
  }

  static async spawn(config: VictimConfig, process: ChildProcess): Promise<Victim> {
    const victim = new Victim(config, process);
    victim.#send({ kind: "start", config });
    await victim.#started.promise;
    return victim;
  }

  #send(message: ToVictim): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  #take(message: FromVictim): void {
    switch (message.kind) {
      case "started":
        this.#started.resolve();
        return;
      case "drained":
        this.#drained?.resolve();
        return;
      case "waiting":
        this.state = message.state;
        return;
      case "stored":
      case "refused": {
        const done = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        done?.(message.kind === "stored" ? message.row : undefined);
      }
    }
  }

  #gone(): void {
    this.#started.reject(new Error("the node process ended before it had started"));
    this.#drained?.reject(new Error("the node process ended before it had drained"));
    for (const done of this.#waiting.values()) done(undefined);
    this.#waiting.clear();
  }

  /** Resolves with the row's number when it was acknowledged, or `undefined` when it was not. */
  emit(emit: Emit): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const id = ++this.#lastEmit;
    if (!this.#process.connected) return Promise.resolve(undefined);
    this.#waiting.set(id, resolve);
    this.#send({ kind: "emit", id, ...emit });
    return promise;
  }

  setClock(offsetMs: number, known: boolean): void {
    this.#send({ kind: "clock", offsetMs, known });
  }

  /** Writes beyond `bytes` of any file fail from now on, as on a full disk; `undefined` lifts it. */
  limitFiles(bytes: number | undefined): void {
    if (
      this.#process.pid === undefined ||
      this.#process.exitCode !== null ||
      this.#process.signalCode !== null
    )
      return;
    execFileSync("prlimit", [
      "--pid",
      String(this.#process.pid),
      `--fsize=${bytes ?? "unlimited"}:unlimited`,
    ]);
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  async stop(): Promise<void> {
    this.#send({ kind: "stop" });
    await this.#exited;
  }

  /** Resolves when nothing waits for the hub any more; rejects after `timeoutMs` with what the node says. */
  async drained(timeoutMs: number): Promise<void> {
    this.#drained = Promise.withResolvers();
    const timer = setTimeout(
      () => this.#drained?.reject(new Error(`still waiting: ${this.state}`)),
      timeoutMs,
    );
    this.#send({ kind: "report-drained" });
    try {
      await this.#drained.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Kills the node's nats-server. */
  killBus(): void {
    try {
      process.kill(pidIn(join(this.#config.dir, "bus")), "SIGKILL");
    } catch {
      // between two lives
    }
  }
}
