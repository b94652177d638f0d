import { setTimeout as sleep } from "node:timers/promises";
import { ExponentialBackoff, type IBackoff, type IBackoffFactory } from "cockatiel";

/** Waits, and returns early when one of the signals aborts. */
export async function pause(ms: number, ...signals: AbortSignal[]): Promise<void> {
  const signal = AbortSignal.any(signals);
  // Longer ones are none to a timer.
  await sleep(Math.min(Math.max(0, ms), 2 ** 31 - 1), undefined, { signal }).catch(() => undefined);
}

/** Longer and longer times with jitter, from `initialMs` to `maxMs`. */
export class Patience {
  readonly #first: IBackoffFactory<unknown>;
  #last: IBackoff<unknown> | undefined;

  constructor(initialMs: number, maxMs: number) {
    this.#first = new ExponentialBackoff({ initialDelay: initialMs, maxDelay: maxMs });
  }

  nextMs(): number {
    this.#last = (this.#last ?? this.#first).next(undefined) as IBackoff<unknown>;
    return this.#last.duration;
  }

  reset(): void {
    this.#last = undefined;
  }
}
