import { headers, type NatsConnection } from "@nats-io/transport-node";
import { ExponentialBackoff, type IBackoff } from "cockatiel";
import { emitHeader, laneHeader, type Refusal, refusalOf } from "../emit-wire.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Line } from "./line.ts";
import { type Pack, payloadAt } from "./packs.ts";

export interface DeliveryOptions {
  connection: NatsConnection;
  line: Line;
  /** Longest wait for an answer. */
  timeoutMs: number;
  /** Longest time that a refusal which may pass is waited out. */
  refusedMs: number;
  /** Called when the answer to a request is known to be missing, and why. */
  onSilence: (reason: string) => void;
}

/** `cut`: something happened meanwhile that must be looked at first. */
type Outcome =
  | { kind: "stored" }
  | { kind: "cut" }
  | { kind: "silence"; reason: string }
  | { kind: "refused"; refusal: Refusal };

/** Refused for what it is: to send it again is no use. */
const finalCodes: ReadonlySet<string> = new Set(["SENML_INVALID", "EMIT_INVALID"]);
const pauses = new ExponentialBackoff({ initialDelay: 100, maxDelay: 5_000 });

/**
 * One pack on its way to the outbox, until it is stored, refused or given up.
 *
 * No answer means "not known to be stored": the same request goes out again, under the same `Umec-Emit`, for as
 * long as it takes. A refusal that may pass (full, overloaded) is waited out for `refusedMs`. `PLUGIN_FLOOD` is
 * waited out like silence: our own limit has let the pack through, so it is what piled up in an outage.
 */
export class Delivery {
  readonly #pack: Pack;
  readonly #emitId: string;
  readonly #options: DeliveryOptions;
  readonly #startMs = performance.now();
  #givenUp: { reason: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(pack: Pack, emitId: string, options: DeliveryOptions) {
    this.#pack = pack;
    this.#emitId = emitId;
    this.#options = options;
  }

  /** `run` rejects with `reason`; the pack may be stored all the same. */
  giveUp(reason: unknown): void {
    this.#givenUp ??= { reason };
    this.#wake();
  }

  /** Resolves when the pack is on disk. Rejects with `EMIT_INVALID`, `EMIT_REFUSED` or the reason it was given up. */
  async run(): Promise<void> {
    const { line, refusedMs, onSilence } = this.#options;
    const stopListening = line.onChange(() => this.#wake());
    let pause: IBackoff<unknown> = pauses.next();
    let refusedSinceMs: number | undefined;
    try {
      for (;;) {
        if (this.#givenUp) throw this.#givenUp.reason;
        if (line.isClosed) throw new UmecError("EMIT_REFUSED", "the connection to the bus is closed");
        if (!line.isUp) {
          onSilence("the bus is not reached");
          await this.#sleep();
          continue;
        }
        const outcome = await this.#request();
        if (outcome.kind === "stored") return;
        if (outcome.kind === "cut") continue;
        if (outcome.kind === "silence") onSilence(outcome.reason);
        else {
          const { code, text } = outcome.refusal;
          refusedSinceMs ??= performance.now();
          if (finalCodes.has(code)) throw new UmecError("EMIT_INVALID", text);
          const waited = performance.now() - refusedSinceMs >= refusedMs;
          if (waited && code !== "PLUGIN_FLOOD") throw refused(outcome.refusal);
        }
        await this.#sleep(pause.duration);
        pause = pause.next(undefined);
      }
    } finally {
      stopListening();
    }
  }

  async #request(): Promise<Outcome> {
    const { connection, timeoutMs } = this.#options;
    const { subject, lane } = this.#pack;
    const lines = headers();
    lines.set(emitHeader, this.#emitId);
    if (lane === "bulk") lines.set(laneHeader, lane);
    const payload = payloadAt(this.#pack, performance.now() - this.#startMs);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#wake = () => resolve({ kind: "cut" });
    connection
      .request(subject, payload, { timeout: timeoutMs, headers: lines })
      .then((answer) => {
        const refusal = refusalOf(answer);
        resolve(refusal ? { kind: "refused", refusal } : { kind: "stored" });
      })
      .catch((error: unknown) => resolve({ kind: "silence", reason: messageOf(error) }));
    return promise;
  }

  /** Until `ms` have passed or something happened. */
  async #sleep(ms?: number): Promise<void> {
    if (this.#givenUp) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}

function refused({ code, text }: Refusal): UmecError {
  const hint = "the outbox is full or its disk fails; see `umec status`";
  return new UmecError("EMIT_REFUSED", `not stored: ${text} (${code})`, { hint });
}
