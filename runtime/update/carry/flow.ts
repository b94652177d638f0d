/**
 * How much is asked for at once, so that samples and commands on the same link do not wait for an update.
 *
 * - **A rate** that is not exceeded on average: after each piece it waits as long as that was worth.
 * - **A window** of requests in flight: one, and one more while answers take hardly longer than the quickest has (the link
 *   has room); half as many when they take much longer (something waits in a queue, and what is live waits behind it).
 *   With one in flight at most one chunk, 32 KiB, lies in front of anything else.
 */
import { setTimeout as delay } from "node:timers/promises";

const mostAtOnce = 16;
/** What answers may take longer than the quickest: more is asked for below the first, less above the second. */
const littleMs = 30;
const muchMs = 120;

export class Flow {
  readonly #bytesPerS: number;
  #window = 1;
  #inFlight = 0;
  #freeMs = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  #left = Promise.withResolvers<void>();

  constructor(bytesPerS: number) {
    this.#bytesPerS = bytesPerS;
  }

  get window(): number {
    return Math.floor(this.#window);
  }

  /** Resolves when `bytes` may be asked for; then {@link leave} must follow. One caller at a time. */
  async enter(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (this.#inFlight >= this.window) {
      await this.#left.promise;
      signal.throwIfAborted();
    }
    const now = performance.now();
    const waitMs = this.#freeMs - now;
    this.#freeMs = Math.max(this.#freeMs, now) + (bytes / this.#bytesPerS) * 1000;
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    this.#inFlight++;
  }

  /** @param tookMs from question to answer; left out where that says nothing about the link */
  leave(tookMs?: number): void {
    this.#inFlight--;
    if (tookMs !== undefined) this.#judge(tookMs);
    this.#left.resolve();
    this.#left = Promise.withResolvers();
  }

  #judge(tookMs: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    const queueMs = tookMs - this.#quickestMs;
    if (queueMs < littleMs) this.#window = Math.min(mostAtOnce, this.#window + 1 / this.window);
    else if (queueMs > muchMs) this.#window = Math.max(1, this.#window / 2);
  }
}
