/** How processes of a program end, as far as the launcher sees it. Synchronous, as a process that ends can't wait. */
import { afterFailure, type Place, type ProgramState, readState, without, writeState } from "./state.ts";

interface Program {
  place: Place;
  version: string;
}

/** Statuses after which systemd does not start the runtime again (umec.service). */
const noRestart = new Set([2, 3]);
const startAgain = 75;
/** The process was asked to end: by itself, SIGINT, SIGTERM. */
const asked = new Set([0, 130, 143]);

/**
 * Writes down how a process of a program on trial ended. One that was asked to end has its try back; one that would
 * not be started again has failed, and ends with another status. Returns the status to end with.
 */
export function noteEnd(dir: string, program: Program, status: number, lastError?: string): number {
  const { state } = readState(dir);
  const { trial } = state;
  if (!trial || !isCurrent(state, program)) return status;
  const how = `ended with status ${status}${lastError === undefined ? "" : `: ${lastError}`}`;
  const fatal = noRestart.has(status);
  save(dir, () => {
    if (fatal) return afterFailure(state, `it ${how}, and is not started again after that`);
    if (asked.has(status)) return { ...state, trial: { ...trial, triesLeft: trial.triesLeft + 1 } };
    return { ...state, trial: { ...trial, lastEnd: how } };
  });
  return fatal ? startAgain : status;
}

/** Leaves a program for what ran before it. Whether that could be written. */
export function abandon(dir: string, program: Program, reason: string): boolean {
  const { state } = readState(dir);
  if (!isCurrent(state, program)) return true;
  return save(dir, () => {
    if (state.trial) return afterFailure(state, reason);
    return without(state, { phase: "fell-back", to: program.version, reason });
  });
}

function save(dir: string, next: () => ProgramState): boolean {
  try {
    writeState(dir, next());
    return true;
  } catch {
    return false;
  }
}

function isCurrent({ current }: ProgramState, { place, version }: Program): boolean {
  return current?.place === place && current.version === version;
}
