/**
 * Which scripts a start runs, decided by the root slot's own: nothing on /data is run before it was verified.
 *
 * The program that `current.json` names runs when its signature leads to the keyring, it fits the system and is newer,
 * and its place holds just the files of its manifest, with their hashes, and links to the root slot's addons, which are
 * put right where they are not. Else the root slot's own scripts run, and the notes say why:
 * - one on trial that may not run, or has no tries left, has failed: what ran before it is chosen in the same way;
 * - one that was good, and is no longer what was signed, is forgotten, with an outcome for the hub;
 * - one that the system has overtaken, or that does not fit it, stays: after a fall-back of the system it may be the
 *   newer one again.
 *
 * A try is taken, on disk, before it is used; where that can't be written, a program on trial does not run.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../errors.ts";
import { readHead } from "./artifact.ts";
import { type ProgramManifest, refused, sha256Of } from "./manifest.ts";
import {
  afterFailure,
  headName,
  type Place,
  type ProgramState,
  readState,
  type Trial,
  without,
  writeState,
} from "./state.ts";
import { isVoid, requireFit, type System } from "./system.ts";

export interface LaunchOptions {
  /** The store's directory. */
  dir: string;
  keyringPath: string;
  /** Where the root slot's scripts and addons lie. */
  lib: string;
  system: System;
}

export interface Launch {
  /** Left out for the root slot's own scripts. */
  program?: { place: Place; version: string; mainPath: string; handover: number | undefined; trial?: Trial };
  /** For the log. */
  notes: string[];
}

/** Synchronous, as nothing else runs yet. Never throws. */
export function chooseProgram(options: LaunchOptions): Launch {
  const { state, fault } = readState(options.dir);
  const notes = fault === undefined ? [] : [`${fault}: the system's own scripts run`];
  return choose(state, options, notes);
}

function choose(state: ProgramState, options: LaunchOptions, notes: string[]): Launch {
  const { current, trial } = state;
  if (!current) return { notes };
  const { dir, system } = options;
  const fail = (reason: string): Launch => {
    notes.push(`program ${current.version} has failed: ${reason}`);
    const next = afterFailure(state, reason);
    save(dir, next, notes);
    return choose(next, options, notes);
  };
  if (isVoid(current.version, system)) {
    const reason = `the system is ${system.version}, which is as new or newer`;
    if (trial) return fail(reason);
    notes.push(`program ${current.version} does not run: ${reason}`);
    return { notes };
  }
  if (trial && trial.triesLeft <= 0) return fail(whyTooOften(trial));
  let manifest: ProgramManifest;
  try {
    manifest = verifyPlace(current, options);
  } catch (error) {
    const reason = messageOf(error);
    if (trial) return fail(reason);
    notes.push(`program ${current.version} is forgotten: ${reason}`);
    const outcome = { phase: "fell-back", from: system.version, to: current.version, reason } as const;
    save(dir, without(state, outcome), notes);
    return { notes };
  }
  try {
    requireFit(manifest, system);
  } catch (error) {
    if (trial) return fail(messageOf(error));
    notes.push(messageOf(error));
    return { notes };
  }
  const { main, handover } = manifest;
  const program = { ...current, mainPath: join(dir, current.place, main), handover };
  if (!trial) return { program, notes };
  const taken = { ...trial, triesLeft: trial.triesLeft - 1 };
  if (!save(dir, { ...state, trial: taken }, notes)) {
    notes.push(`program ${current.version} does not run: its start can't be counted`);
    return choose(afterFailure(state, ""), options, notes);
  }
  return { program: { ...program, trial: taken }, notes };
}

function whyTooOften({ lastEnd }: Trial): string {
  return `it was not good after its last start${lastEnd === undefined ? "" : `, which ${lastEnd}`}`;
}

function save(dir: string, state: ProgramState, notes: string[]): boolean {
  try {
    writeState(dir, state);
    return true;
  } catch (error) {
    notes.push(`the state of programs can't be written: ${messageOf(error)}`);
    return false;
  }
}

/** The manifest of what lies in a place, once all of it was verified. Throws why it may not run. */
export function verifyPlace(
  { place, version }: { place: Place; version: string },
  { dir, keyringPath, lib }: Pick<LaunchOptions, "dir" | "keyringPath" | "lib">,
): ProgramManifest {
  const at = join(dir, place);
  const { manifest } = readHead(readFileSync(join(at, headName)), {
    keyring: readFileSync(keyringPath, "utf8"),
  });
  if (manifest.version !== version)
    throw refused(`place ${place} has ${manifest.version} instead of ${version}`);
  const addons = Object.keys(manifest.requires.addons);
  const known = new Set([headName, ...addons, ...manifest.files.map(({ name }) => name)]);
  for (const name of readdirSync(at)) if (!known.has(name)) throw refused(`it has a file too many: ${name}`);
  for (const { name, bytes, sha256 } of manifest.files) {
    const path = join(at, name);
    // A link could lead to something else when it is read again.
    const file = lstatSync(path);
    if (!file.isFile() || file.size !== bytes || sha256Of(readFileSync(path)) !== sha256)
      throw refused(`${name} is not what was signed`);
  }
  for (const name of addons) linkTo(join(lib, name), join(at, name));
  return manifest;
}

function linkTo(target: string, path: string): void {
  try {
    if (readlinkSync(path) === target) return;
  } catch {
    // Missing, or no link.
  }
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
}
