/**
 * A thread of the root slot's own scripts beside a program on trial: it ends the process when the program has neither
 * become good nor given up in its time, whatever the main thread does then. What ran before is what starts next.
 */
import { workerData } from "node:worker_threads";
import { afterFailure, type Place, readState, writeState } from "./state.ts";

export interface GuardData {
  dir: string;
  program: { place: Place; version: string };
  deadlineMs: number;
}

const { dir, program, deadlineMs } = workerData as GuardData;

setTimeout(() => {
  const { state } = readState(dir);
  const { current, trial } = state;
  if (!trial || current?.place !== program.place || current.version !== program.version) return;
  try {
    const seconds = Math.round(deadlineMs / 1000);
    writeState(dir, afterFailure(state, `it hangs: it was neither good nor gave up within ${seconds} s`));
  } finally {
    process.kill(process.pid, "SIGKILL");
  }
}, deadlineMs);
