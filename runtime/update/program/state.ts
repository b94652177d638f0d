/**
 * Which program runs: `current.json` in the store's directory.
 *
 * It is replaced as a whole: who reads it, also after a power cut, finds the old state or the new one, and each is on disk
 * when the write returns. All here is synchronous, as the launcher and the handler of a process's end can't wait; there
 * are a few writes in the life of a program. One process writes at a time: whoever installs while nothing is on trial, and
 * then the process on trial.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import type { UpdateReport } from "../types.ts";

export type Place = "a" | "b";

export interface Trial {
  /** What ran before, and runs again when this fails; left out for the root slot's own scripts. */
  earlier?: { place: Place; version: string };
  /** Version that ran before. */
  from: string;
  /** The order's. */
  id?: string;
  /** Starts that are left. */
  triesLeft: number;
  /** From a start until it must have been found good. */
  deadlineMs: number;
  /** How the last start ended, for people. */
  lastEnd?: string;
}

export interface ProgramState {
  format: 1;
  /** Left out: the root slot's own scripts. */
  current?: { place: Place; version: string };
  /** While the current one has not been found good. */
  trial?: Trial;
  /** How the last trial ended, until it is told. */
  outcome?: UpdateReport;
  /** The last order that has ended: it is not done again. */
  ended?: string;
}

export const stateFileName = "current.json";
/** In a place, beside the files. */
export const headName = "head";

/** What runs in a store where nothing was ever installed. */
export const ownScripts: ProgramState = { format: 1 };

/** The state, or why it can't be read; a store without one runs the root slot's own scripts. */
export function readState(dir: string): { state: ProgramState; fault?: string } {
  const path = join(dir, stateFileName);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { state: ownScripts };
    return { state: ownScripts, fault: `${path} can't be read: ${(error as Error).message}` };
  }
  try {
    const state = JSON.parse(text) as ProgramState;
    if (isState(state)) return { state };
  } catch {
    // told below
  }
  return { state: ownScripts, fault: `${path} is damaged` };
}

/** It is on disk when this returns. */
export function writeState(dir: string, state: ProgramState): void {
  const path = join(dir, stateFileName);
  // The guard is a thread of the same process.
  const draft = `${path}.new${threadId}`;
  const file = openSync(draft, "w", 0o600);
  try {
    writeSync(file, JSON.stringify(state));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** The state once the program on trial was found good. */
export function afterSuccess(state: ProgramState): ProgramState {
  const { current, trial } = state;
  if (!current || !trial) return state;
  return { format: 1, current, outcome: reportOf(trial, current.version, "good"), ...endedBy(state) };
}

/** The state once the program on trial has failed: what ran before it runs again. */
export function afterFailure(state: ProgramState, reason: string): ProgramState {
  const { current, trial } = state;
  if (!current || !trial) return state;
  return {
    format: 1,
    ...(trial.earlier && { current: trial.earlier }),
    outcome: { ...reportOf(trial, current.version, "fell-back"), reason },
    ...endedBy(state),
  };
}

/** The state once the current program, which was good, is forgotten. */
export function without({ ended }: ProgramState, outcome: UpdateReport): ProgramState {
  return { format: 1, outcome, ...(ended !== undefined && { ended }) };
}

function endedBy({ trial, ended }: ProgramState): { ended?: string } {
  const id = trial?.id ?? ended;
  return id === undefined ? {} : { ended: id };
}

function reportOf({ id, from }: Trial, to: string, phase: UpdateReport["phase"]): UpdateReport {
  return { ...(id !== undefined && { id }), phase, from, to };
}

function isState(value: ProgramState | null): value is ProgramState {
  if (value?.format !== 1) return false;
  const { current, trial } = value;
  if (current !== undefined && !isProgram(current)) return false;
  if (trial === undefined) return true;
  return (
    current !== undefined &&
    (trial.earlier === undefined || isProgram(trial.earlier)) &&
    typeof trial.from === "string" &&
    Number.isSafeInteger(trial.triesLeft) &&
    Number.isSafeInteger(trial.deadlineMs)
  );
}

function isProgram(value: { place: Place; version: string }): boolean {
  return (value.place === "a" || value.place === "b") && typeof value.version === "string";
}
