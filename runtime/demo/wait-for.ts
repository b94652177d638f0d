import { setTimeout as sleep } from "node:timers/promises";
import { isUmecError } from "../errors.ts";

export interface WaitOptions {
  withinMs: number;
  signal?: AbortSignal;
  /** @default 50 */
  everyMs?: number;
}

/**
 * Asks until the answer is yes; resolves with whether it came in time. The node's status has no events, so
 * there is nothing else to wait for. A node that does not answer yet is asked again.
 */
export async function waitFor(ask: () => Promise<boolean>, options: WaitOptions): Promise<boolean> {
  const { withinMs, signal, everyMs = 50 } = options;
  const untilMs = performance.now() + withinMs;
  do {
    signal?.throwIfAborted();
    try {
      if (await ask()) return true;
    } catch (error) {
      const starting = ["NODE_NOT_RUNNING", "NODE_NO_ANSWER", "NODE_ANSWER_INVALID"];
      if (!starting.some((code) => isUmecError(error, code))) throw error;
    }
    await sleep(everyMs, undefined, signal ? { signal } : {});
  } while (performance.now() < untilMs);
  return false;
}
