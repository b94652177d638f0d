import { setTimeout as sleep } from "node:timers/promises";
import { ExponentialBackoff, type IBackoff } from "cockatiel";

const longestMs = 600_000;

/** Does `work` until it succeeds, with growing pauses. `onFault` may end it by throwing. */
export async function untilDone<T>(
  work: () => Promise<T>,
  onFault: (error: unknown) => void | Promise<void>,
  { retryMs, signal }: { retryMs: number; signal: AbortSignal },
): Promise<T> {
  const settings = { initialDelay: retryMs, maxDelay: Math.max(retryMs, longestMs) };
  for (let backoff: IBackoff<unknown> = new ExponentialBackoff(settings).next(); ; ) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      await onFault(error);
    }
    await sleep(backoff.duration, undefined, { signal });
    backoff = backoff.next(undefined);
  }
}

/** Rejects when `signal` aborts, with its reason. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}
