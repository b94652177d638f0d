/**
 * A nats-server process that stays up.
 *
 * 1. Its configuration is one file in `dir`, mode 0600, written whole; nothing else is read at a start.
 * 2. The first start takes free ports that the kernel gives (port -1), so there is no race for them. From
 *    then on they are fixed: a server that dies unasked is started again on the same ports, with backoff
 *    from 100 ms to 10 s, and its clients reconnect by themselves.
 * 3. `reload` is applied or refused as a whole. When it is refused the server goes on with the old
 *    configuration, the file holds the old text again, and the caller gets the reason.
 * 4. It ends with the runtime: by `stop`, by the abort signal, or when the Node process exits. After
 *    `kill -9` of the runtime it is left behind; the next start in the same `dir` finds it by its pid file
 *    and ends it first, so there are never two servers on one store.
 * 5. Or it goes on: `leave` gives it to the process that takes this one's place (../handover/), which adopts it there
 *    when a reload with its own configuration was taken.
 *
 * Files in `dir`: `nats-server.conf` and `nats-server.pid` (decimal).
 */
import { writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ExponentialBackoff } from "cockatiel";
import { messageOf, UmecError } from "../errors.ts";
import { type ServerRecord, startTicksOf } from "../handover/record.ts";
import type { Log } from "../log.ts";
import { killOrphan } from "./orphan.ts";
import { writePrivateFile } from "./private-file.ts";
import {
  type AdoptedLife,
  type NatsPorts,
  type ServerLife,
  type ServerLifeOptions,
  startLife,
} from "./server-life.ts";

export type { NatsPorts } from "./server-life.ts";

/** The text of the configuration; must listen on the given ports, where -1 stands for any free one. */
export type NatsConfig = (ports: Readonly<NatsPorts>) => string;

export interface NatsServerOptions {
  /** The binary, as `findNatsServer` found it. */
  path: string;
  /** Made if it is missing. Belongs to this server alone. */
  dir: string;
  /** For the log. */
  name: string;
  config: NatsConfig;
  log: Log;
  /** Stops the server. */
  signal?: AbortSignal;
  /** Soft limit of its heap (GOMEMLIMIT). @default 24 MiB */
  memoryLimitBytes?: number;
  /** Given each warning and error of its log first; those that it takes are not logged. @default none is taken */
  onComplaint?: (message: string) => boolean;
  /** Time for a start and for a reload. @default 30_000 */
  timeoutMs?: number;
}

export interface NatsServer extends AsyncDisposable {
  /** For clients: `nats://127.0.0.1:<port>`. The same for the server's whole life. */
  readonly url: string;
  readonly ports: Readonly<NatsPorts>;
  /** Of the present process. */
  readonly pid: number;
  /** Applies `config`. Rejects with `NATS_SERVER_RELOAD_FAILED`; then the old one stays in force. */
  reload(config: NatsConfig): Promise<void>;
  /**
   * Starts anew with `config` on the same ports, for what a reload can't change. Resolves when it is ready;
   * until it is, it is tried again like after a death.
   */
  restart(config: NatsConfig): Promise<void>;
  /** Watches over it no more; it runs on. Throws where it has just ended. To be followed by execve(2), or by its end. */
  leave(): ServerRecord;
  /** SIGTERM, and SIGKILL after 3 s. May be called again. */
  stop(): Promise<void>;
}

/** Resolves when the server takes connections. @throws UmecError `NATS_SERVER_START_FAILED` with its reason. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  options.signal?.throwIfAborted();
  const server = new SupervisedServer(options);
  await server.start();
  return server;
}

/**
 * Takes over one that runs already, with this configuration.
 *
 * @throws UmecError `NATS_SERVER_RELOAD_FAILED` where it does not take it; it has ended then
 */
export async function adoptNatsServer(options: NatsServerOptions, adopted: AdoptedLife): Promise<NatsServer> {
  const server = new SupervisedServer(options);
  await server.adopt(adopted);
  return server;
}

class SupervisedServer implements NatsServer {
  readonly #options: NatsServerOptions;
  readonly #log: Log;
  readonly #configFile: string;
  readonly #pidFile: string;
  readonly #timeoutMs: number;
  readonly #stopping = new AbortController();
  readonly #stop = () => void this.stop();
  readonly #killAtExit = () => this.#life?.kill("SIGTERM");
  #config: NatsConfig;
  #ports: NatsPorts = { client: -1, leaf: -1, websocket: -1 };
  #life: ServerLife | undefined;
  #supervision: Promise<void> | undefined;
  #restarted: PromiseWithResolvers<void> | undefined;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(options: NatsServerOptions) {
    this.#options = options;
    this.#log = options.log.child({ server: options.name });
    this.#configFile = join(options.dir, "nats-server.conf");
    this.#pidFile = join(options.dir, "nats-server.pid");
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#config = options.config;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#ports.client}`;
  }

  get ports(): Readonly<NatsPorts> {
    return this.#ports;
  }

  get pid(): number {
    return this.#life?.pid ?? -1;
  }

  async start(): Promise<void> {
    await mkdir(this.#options.dir, { recursive: true, mode: 0o700 });
    const orphan = await killOrphan(this.#pidFile, this.#configFile);
    if (orphan !== undefined) this.#log.warn("ended a nats-server that was left behind", { pid: orphan });
    process.once("exit", this.#killAtExit);
    this.#options.signal?.addEventListener("abort", this.#stop, { once: true });
    try {
      await this.#begin();
      this.#options.signal?.throwIfAborted();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#supervision = this.#supervise();
  }

  async adopt(adopted: AdoptedLife): Promise<void> {
    this.#ports = adopted.ports;
    this.#life = startLife(this.#lifeOptions, adopted);
    process.once("exit", this.#killAtExit);
    this.#options.signal?.addEventListener("abort", this.#stop, { once: true });
    try {
      await this.#reload(this.#config);
      this.#options.signal?.throwIfAborted();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#supervision = this.#supervise();
  }

  leave(): ServerRecord {
    const life = this.#life;
    const startTicks = life && startTicksOf(life.pid);
    if (!life || startTicks === undefined)
      throw new UmecError("HANDOVER_FAILED", "nats-server does not run just now");
    const record = { pid: life.pid, startTicks, stderr: life.leave(), ports: this.#ports };
    this.#stopping.abort();
    this.#options.signal?.removeEventListener("abort", this.#stop);
    process.off("exit", this.#killAtExit);
    return record;
  }

  reload(config: NatsConfig): Promise<void> {
    const reload = this.#changes.then(() => this.#reload(config));
    this.#changes = reload.catch(() => undefined);
    return reload;
  }

  restart(config: NatsConfig): Promise<void> {
    const restart = this.#changes.then(async () => {
      this.#stopping.signal.throwIfAborted();
      this.#config = config;
      const started = Promise.withResolvers<void>();
      started.promise.catch(() => undefined);
      this.#restarted = started;
      await this.#end();
      await started.promise;
    });
    this.#changes = restart.catch(() => undefined);
    return restart;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#options.signal?.removeEventListener("abort", this.#stop);
    await this.#end();
    await this.#supervision;
    process.off("exit", this.#killAtExit);
    await rm(this.#pidFile, { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #end(): Promise<void> {
    const life = this.#life;
    if (!life) return;
    life.kill("SIGTERM");
    const late = setTimeout(() => life.kill("SIGKILL"), 3000);
    await life.exited;
    clearTimeout(late);
  }

  get #lifeOptions(): ServerLifeOptions {
    const { path, memoryLimitBytes = 24 * 2 ** 20, onComplaint } = this.#options;
    return {
      path,
      configFile: this.#configFile,
      memoryLimitBytes,
      log: this.#log,
      ...(onComplaint && { onComplaint }),
    };
  }

  /** Starts one process and waits until it is ready; a failed one is gone when this rejects. */
  async #begin(): Promise<void> {
    await writePrivateFile(this.#configFile, this.#config(this.#ports));
    this.#stopping.signal.throwIfAborted();
    const life = startLife(this.#lifeOptions);
    if (life.pid > 0) writeFileSync(this.#pidFile, `${life.pid}\n`);
    this.#life = life;
    try {
      this.#ports = await this.#inTime(life.ready, "NATS_SERVER_START_FAILED", "become ready");
    } catch (error) {
      life.kill("SIGKILL");
      await life.exited;
      throw error;
    }
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#stopping;
    const fresh = new ExponentialBackoff({ initialDelay: 100, maxDelay: 10_000 }).next();
    let backoff = fresh;
    let startedMs = performance.now();
    let failed = false;
    for (;;) {
      const how = await this.#life?.exited;
      if ((!this.#restarted || failed) && !signal.aborted) {
        if (performance.now() - startedMs > 60_000) backoff = fresh;
        this.#log.error(`nats-server ${how}; starting it again`, { waitMs: backoff.duration });
        await sleep(backoff.duration, undefined, { signal }).catch(() => undefined);
        backoff = backoff.next(undefined);
      }
      if (signal.aborted) {
        this.#restarted?.reject(signal.reason);
        return;
      }
      startedMs = performance.now();
      try {
        await this.#begin();
        this.#restarted?.resolve();
        this.#restarted = undefined;
        failed = false;
      } catch (error) {
        failed = true;
        if (!signal.aborted) this.#log.error("nats-server did not start", { reason: messageOf(error) });
      }
    }
  }

  async #reload(config: NatsConfig): Promise<void> {
    const life = this.#life;
    if (!life || this.#stopping.signal.aborted) {
      throw new UmecError("NATS_SERVER_RELOAD_FAILED", "nats-server has been stopped");
    }
    const old = this.#config(this.#ports);
    await this.#inTime(life.ready, "NATS_SERVER_RELOAD_FAILED", "become ready");
    await writePrivateFile(this.#configFile, config(this.#ports));
    try {
      await this.#inTime(life.reload(), "NATS_SERVER_RELOAD_FAILED", "reload");
    } catch (error) {
      await writePrivateFile(this.#configFile, old);
      throw error;
    }
    this.#config = config;
  }

  async #inTime<T>(promise: Promise<T>, code: string, what: string): Promise<T> {
    const late = Promise.withResolvers<never>();
    const reason = `nats-server did not ${what} within ${this.#timeoutMs} ms`;
    const timer = setTimeout(() => late.reject(new UmecError(code, reason)), this.#timeoutMs);
    return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
  }
}
