/**
 * Pulse width modulation by software: an output is switched by timers of the program.
 *
 * The moments are planned from the first one, so that a late switch does not shift the next, and frequency and mean are
 * right; a single pulse is as late as the timer. A program that was held up for a whole period goes on from now: pulses
 * that are missing are not made up for. At 0 and 100 percent nothing is switched, and no timer runs.
 */
import { setTimeout as delay } from "node:timers/promises";

export interface Pwm {
  /** 0 to 100. Holds from the next period on, at once when nothing is switched. */
  set(percent: number): void;
  readonly percent: number;
}

/** Ends, and rejects, with the signal's reason, or with what `write` throws; the output is then as it is. */
export function startPwm(
  write: (value: boolean) => void,
  {
    hz,
    percent: first,
    nowMs,
    signal,
  }: { hz: number; percent: number; nowMs: () => number; signal: AbortSignal },
): Pwm & { ended: Promise<never> } {
  const periodMs = 1000 / hz;
  let percent = first;
  let changed = Promise.withResolvers<void>();

  async function until(atMs: number): Promise<void> {
    for (let leftMs = atMs - nowMs(); leftMs > 0; leftMs = atMs - nowMs()) {
      await delay(leftMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** Nothing to switch: waits until there is. */
  async function rest(): Promise<void> {
    write(percent === 100);
    const stop = (): void => changed.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      await changed.promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async function run(): Promise<never> {
    let startMs = nowMs();
    for (;;) {
      signal.throwIfAborted();
      changed = Promise.withResolvers();
      if (percent === 0 || percent === 100) {
        await rest();
        startMs = nowMs();
        continue;
      }
      write(true);
      await until(startMs + (periodMs * percent) / 100);
      write(false);
      startMs = Math.max(startMs + periodMs, nowMs() - periodMs);
      await until(startMs);
    }
  }

  return {
    ended: run(),
    get percent() {
      return percent;
    },
    set(value) {
      percent = value;
      changed.resolve();
    },
  };
}
