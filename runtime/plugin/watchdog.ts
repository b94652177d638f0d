/**
 * Calls `onSilence` once when `deadlineMs` have passed without a sign of life.
 *
 * A sign only notes the time; the timer looks when it is due, so that signs cost nothing. While the watchdog is
 * held, time does not count.
 */
export class Watchdog {
  readonly #deadlineMs: number;
  readonly #onSilence: () => void;
  #lastMs = performance.now();
  #held = false;
  #timer: NodeJS.Timeout;

  constructor(deadlineMs: number, onSilence: () => void) {
    this.#deadlineMs = deadlineMs;
    this.#onSilence = onSilence;
    this.#timer = this.#wait(deadlineMs);
  }

  sign(): void {
    this.#lastMs = performance.now();
  }

  set held(held: boolean) {
    this.#held = held;
    this.sign();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Longer delays make Node fire at once. */
  #wait(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.min(ms, 2 ** 31 - 1));
  }

  #look(): void {
    if (this.#held) this.sign();
    const restMs = this.#lastMs + this.#deadlineMs - performance.now();
    if (restMs > 0) this.#timer = this.#wait(Math.max(1, restMs));
    else this.#onSilence();
  }
}
