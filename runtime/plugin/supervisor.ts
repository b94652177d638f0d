/**
 * Keeps one plugin running, whatever its driver does.
 *
 * A driver that throws (also in a callback of its own: stray.ts), returns early, shows no sign of life for its
 * deadline, floods, or can't be loaded is reported - one line in the log, `lastError` and a new state in the status,
 * the status as JSON on the plugin's subject `status` - stopped, and started again with a fresh host and a
 * fresh connection. The wait before a start grows from `minMs` to `maxMs`, with jitter, and begins anew after
 * a run of `resetMs`.
 *
 * To stop a driver its signal is aborted; from then on its emits are refused. When it has not returned after
 * `graceMs` its connection is closed, what it still emits is refused, and it is left behind as
 * `PLUGIN_STUCK`: memory and devices that it holds can't be taken from it.
 *
 * An emit that waits for the outbox is no silence: the deadline begins when it is over. An outage of the outbox
 * must not cost the samples that a driver holds.
 *
 * No other plugin notices, with one exception: drivers in the bundle share the node's one JavaScript thread, and
 * nothing in the process can interrupt a driver that computes without ever waiting. Such a busy loop stops all
 * plugins, until the system's watchdog restarts the node. Drivers that can't be trusted this far run as a process
 * of their own.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { ExponentialBackoff, halfJitterGenerator, type IBackoff } from "cockatiel";
import type { Clock } from "../clock.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { MakeGate } from "./commands.ts";
import type { Driver, Sample, Secrets } from "./contract.ts";
import type { RunningHost } from "./host.ts";
import type { HostServices } from "./host-services.ts";
import { type PluginTarget, runDriver } from "./run.ts";
import type { PluginStatus } from "./status.ts";
import { Tally } from "./tally.ts";

export interface SuperviseOptions {
  target: PluginTarget;
  /** The driver, or how to load it: asked at each start until it was loaded. */
  driver: Driver | (() => Promise<Driver>);
  /** Opens a connection in the plugin's own account, one for each run. */
  connect: () => Promise<NatsConnection>;
  clock: Clock;
  secrets: Secrets;
  services: HostServices;
  log: Log;
  /** As `stop`. */
  signal?: AbortSignal;
  /** Time that a driver has to end. @default 5_000 */
  graceMs?: number;
  backoff?: RestartBackoff;
  /** Judges commands by the plugin's points. @default each that has a handler is let through */
  makeGate?: MakeGate;
}

export interface RestartBackoff {
  /** Up to this long before the first new start, and at least half of it. @default 1_000 */
  minMs?: number;
  /** @default 60_000 */
  maxMs?: number;
  /** A run of this length begins the waits anew. @default 60_000 */
  resetMs?: number;
}

export interface SupervisedPlugin {
  status(): PluginStatus;
  /** Takes `limits` and `required` while the driver runs; all else holds from its next start on. */
  adjust(target: PluginTarget): void;
  /** Tells that the driver is alive, where its host can't see that. */
  sign(): void;
  /** Ends the present run as a failure: it is reported, and started again after the wait, at least `waitMs`. */
  fail(error: UmecError, waitMs?: number): void;
  /** Counts samples that were stored without the host's emit: a program has a connection of its own. */
  heard(samples: readonly Sample[]): void;
  /** Ends the driver; resolves when it has ended or was left behind. @param reason of its signal. @default `PLUGIN_STOPPED` */
  stop(reason?: UmecError): Promise<void>;
  /** Calls `listener` at each change of the state; returns the function that ends it. */
  onChange(listener: (status: PluginStatus) => void): () => void;
}

export function supervisePlugin(options: SuperviseOptions): SupervisedPlugin {
  return new Supervisor(options);
}

class Supervisor implements SupervisedPlugin {
  readonly #options: SuperviseOptions;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  readonly #tally = new Tally();
  readonly #listeners = new Set<(status: PluginStatus) => void>();
  readonly #done: Promise<void>;
  #target: PluginTarget;
  #driver: Driver | undefined;
  #connection: NatsConnection | undefined;
  #running: RunningHost | undefined;
  #fail: ((error: UmecError) => void) | undefined;
  #leastWaitMs = 0;
  #state: PluginStatus["state"] = "starting";
  #sinceMs: number;
  #nextStartMs: number | undefined;
  #restarts = 0;
  #lastError: PluginStatus["lastError"];

  constructor(options: SuperviseOptions) {
    this.#options = options;
    this.#target = options.target;
    this.#driver = typeof options.driver === "function" ? undefined : options.driver;
    this.#log = options.log.child({ plugin: options.target.name });
    this.#sinceMs = options.clock.nowMs();
    const stop = (): void => void this.stop();
    options.signal?.addEventListener("abort", stop, { once: true });
    if (options.signal?.aborted) this.#stopped.abort(stopReason());
    this.#done = this.#keepRunning().finally(() => options.signal?.removeEventListener("abort", stop));
  }

  status(): PluginStatus {
    const { name, driver, required } = this.#target;
    return {
      name,
      driver,
      required,
      state: this.#state,
      sinceMs: this.#sinceMs,
      ...(this.#nextStartMs !== undefined && { nextStartMs: this.#nextStartMs }),
      restarts: this.#restarts,
      ...(this.#lastError && { lastError: this.#lastError }),
      ...this.#tally.snapshot(),
    };
  }

  adjust(target: PluginTarget): void {
    this.#target = target;
    this.#running?.setLimits(target.limits);
  }

  sign(): void {
    this.#running?.sign();
  }

  fail(error: UmecError, waitMs = 0): void {
    this.#leastWaitMs = waitMs;
    this.#fail?.(error);
  }

  heard(samples: readonly Sample[]): void {
    this.sign();
    this.#tally.emitted += samples.length;
    this.#tally.addStored(samples, this.#options.clock.nowMs());
  }

  stop(reason = stopReason()): Promise<void> {
    this.#stopped.abort(reason);
    return this.#done;
  }

  onChange(listener: (status: PluginStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #keepRunning(): Promise<void> {
    const { minMs = 1000, maxMs = 60_000, resetMs = 60_000 } = this.#options.backoff ?? {};
    const generator = halfJitterGenerator;
    const backoff = new ExponentialBackoff({ initialDelay: minMs, maxDelay: maxMs, generator });
    const stopped = this.#stopped.signal;
    let pause: IBackoff<unknown> | undefined;
    while (!stopped.aborted) {
      const startMs = performance.now();
      const failure = await this.#runOnce();
      if (failure) this.#report(failure);
      if (!stopped.aborted) {
        pause = pause && performance.now() - startMs < resetMs ? pause.next(undefined) : backoff.next();
        const waitMs = Math.max(pause.duration, this.#leastWaitMs);
        this.#leastWaitMs = 0;
        this.#nextStartMs = Math.round(this.#options.clock.nowMs() + waitMs);
        this.#setState("waiting");
        await this.#hangUp();
        await delay(waitMs, undefined, { signal: stopped }).catch(() => {});
        this.#nextStartMs = undefined;
        if (!stopped.aborted) this.#restarts += 1;
      }
    }
    this.#setState("stopped");
    await this.#hangUp();
  }

  /** Why it ended, or `undefined` when it was told to. */
  async #runOnce(): Promise<UmecError | undefined> {
    const { clock, secrets, services, connect, graceMs = 5_000 } = this.#options;
    const tally = this.#tally;
    const stopped = this.#stopped.signal;
    this.#setState("starting");
    try {
      const early = AbortSignal.any([stopped, AbortSignal.timeout(startTimeoutMs)]);
      const connecting = connect();
      connecting.then((late) => (early.aborted ? late.close() : undefined)).catch(() => {});
      this.#connection = await orAborted(connecting, early);
      const driver = await orAborted(this.#load(), early);
      return await runDriver({
        target: this.#target,
        driver,
        connection: this.#connection,
        clock,
        secrets,
        services,
        log: this.#log,
        graceMs,
        makeGate: this.#options.makeGate,
        signal: stopped,
        observer: {
          emitted: (samples) => {
            tally.emitted += samples;
          },
          stored: (samples) => tally.addStored(samples, clock.nowMs()),
          refused: (samples) => {
            tally.refused += samples;
          },
        },
        onHost: (running, fail) => {
          this.#running = running;
          this.#fail = fail;
          running.setLimits(this.#target.limits);
          this.#setState("running");
        },
        onStopping: () => this.#setState("stopping"),
      });
    } catch (error) {
      if (stopped.aborted) return undefined;
      if (error instanceof UmecError) return error;
      return new UmecError("PLUGIN_START", `it can't be started: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#running = undefined;
      this.#fail = undefined;
    }
  }

  async #load(): Promise<Driver> {
    const { driver } = this.#options;
    if (typeof driver !== "function") return driver;
    try {
      this.#driver ??= await driver();
    } catch (cause) {
      const message = `the driver ${this.#target.driver} can't be loaded: ${messageOf(cause)}`;
      throw new UmecError("PLUGIN_LOAD", message, { cause });
    }
    return this.#driver;
  }

  #report(failure: UmecError): void {
    const { code, message, hint, cause } = failure;
    this.#lastError = { code, message, atMs: this.#options.clock.nowMs() };
    this.#log.error(`the plugin ${this.#target.name} failed: ${message}`, {
      code,
      ...(hint !== undefined && { hint }),
      ...(cause !== undefined && { error: cause }),
    });
  }

  #setState(state: PluginStatus["state"]): void {
    this.#state = state;
    this.#sinceMs = this.#options.clock.nowMs();
    const status = this.status();
    try {
      this.#connection?.publish("status", JSON.stringify(status));
    } catch (error) {
      this.#log.debug(`status not published: ${messageOf(error)}`);
    }
    for (const listener of [...this.#listeners]) listener(status);
  }

  /** Closes the run's connection when what it still has to say was said, or at once when nobody hears it. */
  async #hangUp(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (!connection || connection.isClosed()) return;
    await Promise.race([connection.flush().catch(() => {}), delay(lastWordMs, undefined, { ref: false })]);
    await connection.close();
  }
}

/** To connect and to load the driver. */
const startTimeoutMs = 60_000;
const lastWordMs = 500;

function stopReason(): UmecError {
  return new UmecError("PLUGIN_STOPPED", "the plugin is stopped");
}

/** Settles as `work` does, or rejects with the signal's reason. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
