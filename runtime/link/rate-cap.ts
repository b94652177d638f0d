import { setTimeout as delay } from "node:timers/promises";

/** A token bucket over bytes: at most `bytesPerS` on average, and one second's worth at once. */
export class RateCap {
  readonly #bytesPerS: number;
  #credit: number;
  #at = performance.now();

  constructor(bytesPerS: number) {
    this.#bytesPerS = bytesPerS;
    this.#credit = bytesPerS;
  }

  /** Takes `bytes`, on credit if need be, and resolves when the debt is paid. */
  async take(bytes: number): Promise<void> {
    const now = performance.now();
    this.#credit = Math.min(this.#bytesPerS, this.#credit + ((now - this.#at) / 1000) * this.#bytesPerS);
    this.#at = now;
    this.#credit -= bytes;
    if (this.#credit < 0) await delay((-this.#credit / this.#bytesPerS) * 1000);
  }
}
