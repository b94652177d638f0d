/**
 * Carries the spool to the hub's bucket, one object after another, oldest first, for as long as it runs.
 *
 * It waits for events, not by polling: an object that was kept, the link that came up, the clock that became known (an
 * object's time is told with it). What fails is tried again with jittered backoff, at once when the link comes back.
 *
 * Telemetry comes first: one chunk of at most 64 KiB is in flight, and all together keep to a rate. A cut in the
 * middle of an object costs the chunk that was in flight; a power cut costs no more, as the hub is asked what it has.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { decorrelatedJitterGenerator, ExponentialBackoff, type IBackoff } from "cockatiel";
import type { Clock } from "../clock.ts";
import { isUmecError, messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { HubBucket } from "./hub-bucket.ts";
import type { Spool } from "./spool.ts";
import type { UploadStats } from "./types.ts";
import { type UploadOptions, upload } from "./upload.ts";

export interface UploaderOptions {
  node: string;
  spool: Spool;
  /** In the account that may write the node's bucket. */
  connection: NatsConnection;
  leaf: {
    leafState(): Promise<{ connected: boolean }>;
    onLeafChange(listener: (connected: boolean) => void): () => void;
  };
  clock: Clock;
  /** This boot, as the kernel names it. */
  bootId: string;
  /** As {@link UploadOptions.take}. */
  take: UploadOptions["take"];
  log: Log;
  /** Ends it. What is in flight then is found out at the next start. */
  signal: AbortSignal;
  /** Longest wait for the hub's acknowledgement. @default 10_000 */
  ackMs?: number;
}

const defaultAckMs = 10_000;
const backoffOptions = {
  initialDelay: 500,
  maxDelay: 300_000,
  generator: decorrelatedJitterGenerator,
};

export class Uploader {
  readonly #options: UploaderOptions;
  readonly #bucket: HubBucket;
  #stats: UploadStats = { state: "down" };
  #connected = false;
  #changed = Promise.withResolvers<void>();
  #session = new AbortController();
  #backoff: IBackoff<unknown> | undefined;
  /** The object whose chunks may be at the hub. */
  #tried: number | undefined;
  /** Resolves when it has ended. */
  readonly done: Promise<void>;

  constructor(options: UploaderOptions) {
    this.#options = options;
    this.#bucket = new HubBucket(options.node, options.connection, options.ackMs ?? defaultAckMs);
    this.done = this.#run();
  }

  stats(): UploadStats {
    return { ...this.#stats };
  }

  /** Something changed that it may have waited for, such as the clock. */
  wake(): void {
    this.#changed.resolve();
  }

  async #run(): Promise<void> {
    const { spool, leaf, signal, clock, log } = this.#options;
    const offs = [
      leaf.onLeafChange((connected) => this.#setConnected(connected)),
      spool.onKept(() => {
        if (this.#stats.state !== "refused") this.wake();
      }),
    ];
    const end = (): void => {
      this.#session.abort(signal.reason);
      this.wake();
    };
    signal.addEventListener("abort", end);
    try {
      if (signal.aborted) return;
      this.#setConnected((await leaf.leafState()).connected);
      while (!signal.aborted) {
        const entry = spool.oldest();
        if (!this.#connected || !entry || !clock.known()) await this.#next();
        else await this.#send();
      }
    } catch (error) {
      log.error(`objects are no longer sent: ${messageOf(error)}`, { error });
    } finally {
      for (const off of offs) off();
      signal.removeEventListener("abort", end);
      this.#stats = { state: "down", reason: "stopped" };
    }
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#backoff = undefined;
    if (connected) this.#session = new AbortController();
    else this.#session.abort(new UmecError("OBJECT_NO_ANSWER", "the connection to the hub was lost"));
    this.#stats = { state: connected ? "idle" : "down" };
    this.wake();
  }

  async #next(): Promise<void> {
    await this.#changed.promise;
    this.#changed = Promise.withResolvers();
  }

  async #send(): Promise<void> {
    const { spool, clock, bootId, take, signal } = this.#options;
    const entry = spool.oldest();
    if (!entry) return;
    const tried = this.#tried === entry.number;
    this.#tried = entry.number;
    if (this.#stats.state === "idle") this.#stats = { state: "sending" };
    try {
      const session = this.#session.signal;
      await upload(entry, tried, { spool, bucket: this.#bucket, clock, bootId, take, signal: session });
      this.#backoff = undefined;
      this.#stats = { state: spool.oldest() ? "sending" : "idle" };
    } catch (error) {
      if (signal.aborted) return;
      await this.#after(error);
    }
  }

  async #after(error: unknown): Promise<void> {
    const { log } = this.#options;
    const reason = messageOf(error);
    const fields = { reason };
    if (this.#connected) {
      if (this.#stats.state !== "refused") log.warn("objects wait: they can't be stored at the hub", fields);
      this.#stats = { state: "refused", reason };
      if (!isUmecError(error)) log.error("an object could not be sent", { error });
    }
    this.#backoff = (
      this.#backoff ? this.#backoff.next(undefined) : new ExponentialBackoff(backoffOptions).next()
    ) as IBackoff<unknown>;
    await this.#pause(this.#backoff.duration);
  }

  /** Waits, but not longer than until something changes. */
  async #pause(ms: number): Promise<void> {
    const ended = new AbortController();
    this.#changed = Promise.withResolvers();
    if (this.#options.signal.aborted) return;
    const wait = delay(ms, undefined, { signal: ended.signal }).catch(() => {});
    await Promise.race([wait, this.#changed.promise]);
    ended.abort();
  }
}
