import { setTimeout as delay } from "node:timers/promises";

/** Keeps bytes to a rate that may change while it runs: after each piece it waits as long as that was worth. */
export class Pace {
  #bytesPerS: number;
  /** When the next piece may go. */
  #freeMs = 0;

  constructor(bytesPerS: number) {
    this.#bytesPerS = bytesPerS;
  }

  set bytesPerS(bytesPerS: number) {
    this.#bytesPerS = bytesPerS;
    this.#freeMs = Math.min(this.#freeMs, performance.now() + 1000);
  }

  /** Resolves when `bytes` may go; rejects with the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const waitMs = this.#freeMs - now;
    this.#freeMs = Math.max(this.#freeMs, now) + (bytes / this.#bytesPerS) * 1000;
    if (waitMs <= 0) return;
    await delay(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
