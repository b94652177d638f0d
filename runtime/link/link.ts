/**
 * The link: carries the outbox to the hub for as long as it runs, session after session (session.ts).
 *
 * It waits for events, not by polling: the leaf's connection coming up begins a session, its loss ends it. A
 * session that fails although the leaf is up is begun again with jittered backoff (a hub without its stream,
 * full, or moving). A leaf that looks connected but carries nothing - known from nats-server in the field after
 * a mobile network changed beneath it - is found by unanswered round trips, and cut and dialled anew.
 *
 * Ten thousand nodes do not return at once: each node's nats-server draws its own reconnect interval, and
 * sessions begin behind a random part of `spreadMs`.
 */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { decorrelatedJitterGenerator, ExponentialBackoff, type IBackoff } from "cockatiel";
import type { Bus } from "../bus/types.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { OutboxSource } from "../outbox/types.ts";
import type { Frame } from "./frame-builder.ts";
import { HubPort, type Signer, wasLost } from "./hub-port.ts";
import { RateCap } from "./rate-cap.ts";
import { type End, Memory, Session } from "./session.ts";
import type { LinkStats } from "./types.ts";

export interface LinkOptions {
  node: string;
  outbox: OutboxSource;
  /** In the account that publishes the chains and looks them up. */
  connection: NatsConnection;
  leaf: Pick<Bus, "leafState" | "onLeafChange" | "bounceLink">;
  log: Log;
  /** Signs each frame (../frame-signature.ts). @default frames are not signed */
  sign?: Signer;
  /** Ends the link. What is in flight then is found out at the next start. */
  signal: AbortSignal;
  /** Largest frame. @default 128 KiB */
  frameBytes?: number;
  /** Rate cap of the backlog. @default 4 MiB/s */
  backlogBytesPerS?: number;
  /** Fresh rows held in memory before they wait on disk instead. @default 4 MiB */
  liveBytes?: number;
  /** Longest wait for the hub's acknowledgement. @default 5_000 */
  ackMs?: number;
  /** Sessions begin within this after the connection, each node at its own moment. @default 500 */
  spreadMs?: number;
}

const defaults = {
  frameBytes: 128 * 1024,
  backlogBytesPerS: 4 * 1024 * 1024,
  liveBytes: 4 * 1024 * 1024,
  ackMs: 5_000,
  spreadMs: 500,
};
/** Sessions lost to silence, one after another, on a leaf that says it is connected. */
const silencesBeforeBounce = 2;

/** The figures of a link that has carried nothing. */
export function idleStats(state: "off" | "down"): LinkStats {
  return {
    state,
    sinceMs: Date.now(),
    backlog: false,
    sentFrames: 0,
    sentSamples: 0,
    sentBytes: 0,
    bounces: 0,
    foreignFrames: 0,
  };
}

export class Link {
  readonly #options: Required<Omit<LinkOptions, "sign">>;
  readonly #hub: HubPort;
  readonly #memory: Memory;
  readonly #ackMs: RecordableHistogram = createHistogram();
  readonly #rateCap: RateCap;
  readonly #stats: LinkStats = idleStats("down");
  #connected = false;
  #changed = Promise.withResolvers<void>();
  #session: Session | undefined;
  #silences = 0;
  #backoff: IBackoff<unknown> | undefined;
  /** Resolves when the link has ended. */
  readonly done: Promise<void>;

  constructor(options: LinkOptions) {
    this.#options = { ...defaults, ...options };
    this.#hub = new HubPort(options.connection, this.#options.ackMs, options.sign);
    this.#memory = new Memory(options.outbox);
    this.#rateCap = new RateCap(this.#options.backlogBytesPerS);
    this.done = this.#run();
  }

  stats(): LinkStats {
    const acks = this.#ackMs;
    const ms = (microseconds: number): number => Math.round(microseconds / 100) / 10;
    return {
      ...this.#stats,
      ...(acks.count > 0 && {
        ackMs: { p50: ms(acks.percentile(50)), p99: ms(acks.percentile(99)), max: ms(acks.max) },
      }),
    };
  }

  async #run(): Promise<void> {
    const { leaf, signal } = this.#options;
    const off = leaf.onLeafChange((connected) => this.#setConnected(connected));
    const wake = (): void => this.#changed.resolve();
    signal.addEventListener("abort", wake);
    try {
      this.#setConnected((await leaf.leafState()).connected);
      while (!signal.aborted) {
        if (!this.#connected) await this.#nextChange();
        else await this.#runSession();
      }
    } finally {
      off();
      signal.removeEventListener("abort", wake);
      this.#setState("down", "stopped");
    }
  }

  #setConnected(connected: boolean): void {
    this.#connected = connected;
    if (!connected) {
      this.#session?.lose(new UmecError("LINK_DOWN", "the connection to the hub was lost"));
      this.#setState("down", "no connection to the hub");
    }
    this.#changed.resolve();
  }

  async #nextChange(): Promise<void> {
    await this.#changed.promise;
    this.#changed = Promise.withResolvers();
  }

  async #runSession(): Promise<void> {
    const { outbox, node, log, frameBytes, liveBytes, spreadMs, signal } = this.#options;
    if (this.#stats.state === "down") await this.#pause(Math.random() * spreadMs);
    if (!this.#connected || signal.aborted) return;
    const session = new Session({
      node,
      outbox,
      hub: this.#hub,
      log,
      frameBytes,
      liveBytes,
      rateCap: this.#rateCap,
      memory: this.#memory,
      onStored: (frame, tookMs) => this.#countStored(frame, tookMs),
      onForeign: (chain, forged) => this.#countForeign(chain, forged),
      onBacklog: (waiting) => this.#setBacklog(waiting),
    });
    this.#session = session;
    if (this.#stats.state !== "refused") this.#setState("up");
    const end = await session.run(signal);
    this.#session = undefined;
    await this.#after(end);
  }

  async #after(end: End): Promise<void> {
    const { log, signal } = this.#options;
    if (end.kind === "again" || signal.aborted || !this.#connected) return;
    const reason = end.kind === "refused" ? `the hub refuses: ${end.reason}` : messageOf(end.error);
    this.#setState(end.kind === "refused" ? "refused" : "down", reason);
    if (end.kind === "lost" && wasLost(end.error)) await this.#countSilence();
    this.#backoff = (this.#backoff ?? sessionBackoff).next(undefined) as IBackoff<unknown>;
    log.debug("the session will begin again", { reason, inMs: Math.round(this.#backoff.duration) });
    await this.#pause(this.#backoff.duration);
  }

  /** Waits, but not longer than until the connection changes. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#options;
    const ended = new AbortController();
    this.#changed = Promise.withResolvers();
    try {
      const wait = delay(ms, undefined, { signal: AbortSignal.any([signal, ended.signal]) }).catch(() => {});
      await Promise.race([wait, this.#changed.promise]);
    } finally {
      ended.abort();
    }
  }

  async #countSilence(): Promise<void> {
    const { leaf, log } = this.#options;
    this.#silences++;
    if (this.#silences < silencesBeforeBounce || !(await leaf.leafState()).connected) return;
    this.#silences = 0;
    this.#stats.bounces++;
    log.warn("the link looks connected but carries nothing: it is cut and dialled anew");
    try {
      await leaf.bounceLink();
    } catch (error) {
      log.warn(`the link could not be cut: ${messageOf(error)}`);
    }
  }

  #countStored(frame: Frame, tookMs: number): void {
    const stats = this.#stats;
    stats.sentFrames++;
    stats.sentSamples += frame.header.samples;
    stats.sentBytes += frame.payload.length;
    this.#ackMs.record(Math.max(1, Math.round(tookMs * 1000)));
    this.#silences = 0;
    this.#backoff = undefined;
    if (stats.state !== "up") this.#setState("up");
  }

  #countForeign(chain: string, forged: boolean): void {
    this.#stats.foreignFrames++;
    if (forged) {
      this.#options.log.error(
        "the hub's last message on a chain is not signed by this node: it is not believed",
        {
          code: "LINK_FORGED",
          chain,
          hint: "somebody else may write at the hub, or this node's keys were made anew; `umec hub read` names forged frames",
        },
      );
      return;
    }
    const message =
      "the hub's last message on a chain is of another outbox: a new card, or a second node of this name";
    if (this.#stats.foreignFrames === 1) this.#options.log.warn(message, { chain });
    else this.#options.log.debug(message, { chain });
  }

  #setBacklog(waiting: boolean): void {
    if (waiting !== this.#stats.backlog) {
      this.#options.log.info(waiting ? "the backlog drains beside fresh samples" : "the backlog is drained");
    }
    this.#stats.backlog = waiting;
  }

  #setState(state: LinkStats["state"], reason?: string): void {
    const stats = this.#stats;
    if (stats.state !== state) {
      stats.sinceMs = Date.now();
      const fields = reason === undefined ? {} : { reason };
      if (state === "up") this.#options.log.info("the link is up");
      else if (!this.#options.signal.aborted) this.#options.log.warn(`the link is ${state}`, fields);
    }
    stats.state = state;
    if (reason === undefined) delete stats.reason;
    else stats.reason = reason;
  }
}

const sessionBackoff = new ExponentialBackoff({
  initialDelay: 250,
  maxDelay: 30_000,
  generator: decorrelatedJitterGenerator,
});
