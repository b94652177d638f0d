import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Scheduler } from "./contract.ts";

export interface SchedulerOptions {
  /** Ends every task and sleep. */
  signal: AbortSignal;
  log: Log;
  /** Called after each task, well ended or not: the plugin is alive. */
  onTask?: () => void;
}

/** The scheduler that a plugin is given: timers that end with it, and tasks whose failures are logged. */
export function createScheduler({ signal, log, onTask }: SchedulerOptions): Scheduler {
  return {
    every(intervalMs, task, { phaseMs = 0 } = {}) {
      const ended = new AbortController();
      const stop = AbortSignal.any([signal, ended.signal]);
      void runOnGrid(intervalMs, phaseMs, task, stop, log, onTask);
      return () => ended.abort();
    },
    async sleep(ms, also) {
      const stop = also ? AbortSignal.any([signal, also]) : signal;
      try {
        await delay(ms, undefined, { signal: stop });
      } catch {
        throw stop.reason;
      }
    },
  };
}

async function runOnGrid(
  intervalMs: number,
  phaseMs: number,
  task: (signal: AbortSignal) => unknown,
  signal: AbortSignal,
  log: Log,
  onTask?: () => void,
): Promise<void> {
  let next = performance.now() + phaseMs;
  let missed = 0;
  while (!signal.aborted) {
    try {
      await delay(Math.max(0, next - performance.now()), undefined, { signal });
    } catch {
      return;
    }
    try {
      await task(signal);
    } catch (error) {
      if (!signal.aborted) log.warn(`task failed: ${messageOf(error)}`, { error });
    }
    onTask?.();
    next += intervalMs;
    const late = Math.floor((performance.now() - next) / intervalMs) + 1;
    if (late > 0) {
      next += late * intervalMs;
      missed += late;
      log.debug("task took longer than its interval", { intervalMs, missed });
    }
  }
}
