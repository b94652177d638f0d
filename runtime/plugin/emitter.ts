/**
 * The plugin's side of an emit: samples in, a promise that resolves when they are on disk.
 *
 * How: the samples are checked, packed by device (packs.ts) and sent as requests; the outbox's answer is the
 * acknowledgement (../emit-wire.ts), and what is not answered is sent again until it is (delivery.ts). The
 * time of samples that have none is the moment of the emit, however late they arrive.
 *
 * Bounds:
 * - At most `maxInFlightBytes` of packs are under way; beyond that `EMIT_OVERLOADED`, so that an outage of the
 *   outbox costs a plugin no more memory than this. One emit that is larger is `EMIT_INVALID`.
 * - A plugin that emits faster than its limits (../emit-limit.ts) gets `PLUGIN_FLOOD`, and its supervisor is told.
 *
 * Whatever is refused here is refused on a later turn of the event loop, so that a driver which tries again at
 * once, for ever, does not keep all others from running.
 *
 * When an emit rejects, packs of other devices in it may have been stored. What was under way when the process
 * died may be stored or not.
 */
import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../clock.ts";
import { EmitLimit, type EmitRate } from "../emit-limit.ts";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { EmitOptions, Sample } from "./contract.ts";
import { Delivery, type DeliveryOptions } from "./delivery.ts";
import { Line } from "./line.ts";
import { type Pack, packsOf } from "./packs.ts";
import { checkSamples, maxEmitBytes } from "./sample-check.ts";

export interface EmitterOptions {
  /** In the plugin's own account. */
  connection: NatsConnection;
  clock: Clock;
  log: Log;
  limits: EmitRate;
  /** Most that wait for their acknowledgement. @default 1 MiB */
  maxInFlightBytes?: number;
  /** Longest wait for an answer before a pack is sent again. @default 10_000 */
  timeoutMs?: number;
  /** Longest time that a full or overloaded outbox is waited for before `EMIT_REFUSED`. @default 30_000 */
  refusedMs?: number;
  /** Ends every emit that waits, with its reason; later ones get `EMIT_REFUSED`. */
  signal: AbortSignal;
  observer?: EmitObserver;
}

/** What a supervisor learns of the emits. Each sample given is told as emitted, and then as stored or refused. */
export interface EmitObserver {
  emitted?(samples: number): void;
  stored?(samples: readonly Sample[]): void;
  refused?(samples: number): void;
  flooded?(error: UmecError): void;
  /** How many packs are under way, at each change. */
  underWay?(packs: number): void;
}

export interface Emitter {
  /** As {@link Host.emit}; also rejects with `PLUGIN_FLOOD`. */
  emit(samples: readonly Sample[], options?: EmitOptions): Promise<void>;
  setLimits(limits: EmitRate): void;
}

export function createEmitter(options: EmitterOptions): Emitter {
  return new BusEmitter(options);
}

class BusEmitter implements Emitter {
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #observer: EmitObserver;
  readonly #limit: EmitLimit;
  readonly #maxInFlightBytes: number;
  readonly #delivery: DeliveryOptions;
  readonly #underWay = new Set<Delivery>();
  readonly #session = randomBytes(9).toString("hex");
  #lastNumber = 0;
  #inFlightBytes = 0;
  #silent = false;

  constructor(options: EmitterOptions) {
    const { connection, clock, log, limits, signal } = options;
    this.#signal = signal;
    this.#clock = clock;
    this.#observer = options.observer ?? {};
    this.#limit = new EmitLimit(limits, clock.monotonicMs());
    this.#maxInFlightBytes = options.maxInFlightBytes ?? maxEmitBytes;
    this.#delivery = {
      connection,
      line: new Line(connection),
      timeoutMs: options.timeoutMs ?? 10_000,
      refusedMs: options.refusedMs ?? 30_000,
      onSilence: (reason) => {
        if (this.#silent) return;
        this.#silent = true;
        log.warn(`the outbox does not answer, samples wait: ${reason}`);
      },
    };
    signal.addEventListener(
      "abort",
      () => {
        for (const delivery of this.#underWay) delivery.giveUp(signal.reason);
      },
      { once: true },
    );
  }

  setLimits(limits: EmitRate): void {
    this.#limit.rate = limits;
  }

  async emit(samples: readonly Sample[], options: EmitOptions = {}): Promise<void> {
    const count = Array.isArray(samples) ? samples.length : 0;
    this.#observer.emitted?.(count);
    let packs: Pack[];
    try {
      packs = this.#admit(samples, options);
    } catch (error) {
      this.#observer.refused?.(count);
      await nextTurn();
      throw error;
    }
    if (packs.length === 0) return nextTurn();
    const outcomes = await Promise.allSettled(packs.map((pack) => this.#deliver(pack, options.signal)));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  #admit(samples: readonly Sample[], { lane = "telemetry", signal }: EmitOptions): Pack[] {
    if (this.#signal.aborted) {
      throw new UmecError("EMIT_REFUSED", "the plugin is stopped", { cause: this.#signal.reason });
    }
    signal?.throwIfAborted();
    if (!this.#limit.isOpen(this.#clock.monotonicMs())) throw this.#flood();
    checkSamples(samples, this.#maxInFlightBytes);
    const packs = packsOf(samples, lane);
    const bytes = packs.reduce((sum, { payload }) => sum + payload.length, 0);
    this.#limit.charge(samples.length, bytes);
    if (this.#inFlightBytes > 0 && this.#inFlightBytes + bytes > this.#maxInFlightBytes) {
      const hint = "wait for the emits before, or emit less often";
      throw new UmecError("EMIT_OVERLOADED", `${this.#inFlightBytes} bytes are under way`, { hint });
    }
    return packs;
  }

  #flood(): UmecError {
    const hint = "emit less, or raise the plugin's limits in the target state";
    const error = new UmecError("PLUGIN_FLOOD", "more samples or bytes than the plugin's limits allow", {
      hint,
    });
    this.#observer.flooded?.(error);
    return error;
  }

  async #deliver(pack: Pack, signal: AbortSignal | undefined): Promise<void> {
    const { samples, payload } = pack;
    this.#lastNumber += 1;
    const delivery = new Delivery(pack, `${this.#session}-${this.#lastNumber}`, this.#delivery);
    const giveUp = (): void => delivery.giveUp(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    this.#inFlightBytes += payload.length;
    this.#underWay.add(delivery);
    this.#observer.underWay?.(this.#underWay.size);
    try {
      await delivery.run();
      this.#silent = false;
      this.#observer.stored?.(samples);
    } catch (error) {
      this.#observer.refused?.(samples.length);
      throw error;
    } finally {
      signal?.removeEventListener("abort", giveUp);
      this.#inFlightBytes -= payload.length;
      this.#underWay.delete(delivery);
      this.#observer.underWay?.(this.#underWay.size);
    }
  }
}
