/**
 * The runtime's scripts alone, in two places on /data, beside those of the root slot.
 *
 * ```
 * <dir>/current.json    which place runs, and whether on trial (state.ts)
 * <dir>/a/, <dir>/b/    a program's files, `head` (artifact.ts), and links to the root slot's native addons (launch.ts)
 * ```
 *
 * What it promises:
 * 1. A program that `current.json` names is whole and on disk: its files are written and synced into the place that does
 *    not run, and only then is `current.json` replaced, at once.
 * 2. What ran before is not touched until the new one has been found good. Its scripts may be loaded late, by `import()`,
 *    from the place that they lie in; so an installation while a program is on trial is refused.
 * 3. A program that is new is on trial: each start takes one of its tries, durably and before it runs (launch.ts). It is
 *    good when the node was healthy within the deadline (trial.ts). One that is not, ends too often, can't be loaded or
 *    hangs (guard.ts) is left for what ran before, and the outcome is kept until it was told.
 * 4. Nothing here is trusted when it is run: signature, fit and every file are verified at each start.
 *
 * What a crash or a power cut leaves, at each step of an installation:
 * - emptying or filling the free place: the old state; what lies in the free place is removed by the next installation;
 * - replacing `current.json`: the old state or the new one;
 * - from then on, until the process ends: the old program runs on, and the next start is the first of the new one.
 *
 * What is not promised: whoever holds the card in his hands may put an older program there that was signed too. It runs
 * only where it is newer than the root slot's own scripts, so it is never older than the system.
 */
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateDirectory, syncDirectory, writeSynced } from "../../durable-file.ts";
import { messageOf, UmecError } from "../../errors.ts";
import { compareSemver } from "../semver.ts";
import { readArtifact } from "./artifact.ts";
import { type ProgramManifest, refused } from "./manifest.ts";
import { headName, type Place, readState, writeState } from "./state.ts";
import { isVoid, requireFit, type System } from "./system.ts";

export interface InstallProgramOptions {
  /** The store's directory; made if it is missing. */
  dir: string;
  /** Path of a PEM file with the CAs whose code is run. */
  keyringPath: string;
  system: System;
  /** Version of the scripts that run now. */
  running: string;
  /** Unix milliseconds, where the clock is known. */
  nowMs?: number;
  /** The order's. */
  id?: string;
  /** Whether it may be older than what runs, as the root slot's own scripts never are. @default false */
  mayBeOlder?: boolean;
  /** From a start until it must have been found good. @default 180_000 */
  deadlineMs?: number;
  /** Starts that it may take. @default 3 */
  tries?: number;
}

/** The version that a start runs, as far as a store's state says it: its program's, or the system's where that is newer. */
export function runningVersion(dir: string, system: System): string {
  const { current } = readState(dir).state;
  return current && !isVoid(current.version, system) ? current.version : system.version;
}

/** Longest file that is read. */
const mostBytes = 9 * 2 ** 20;

/**
 * Takes a program file into the free place; it is on trial from the next start on.
 *
 * @throws UmecError `UPDATE_REFUSED` with the reason, `PROGRAM_BUSY` while one is on trial, `UPDATE_FAILED` when it could
 * not be written
 */
export async function installProgram(path: string, options: InstallProgramOptions): Promise<ProgramManifest> {
  const { dir, keyringPath, system, running, nowMs, id } = options;
  const { state } = readState(dir);
  if (state.trial) {
    const message = `program ${state.current?.version} is on trial`;
    throw new UmecError("PROGRAM_BUSY", message, { hint: "wait until it is good, or has fallen back" });
  }
  const bytes = await readProgram(path);
  const keyring = await readFile(keyringPath, "utf8").catch((cause: unknown) => {
    throw refused(`the keyring ${keyringPath} can't be read: ${messageOf(cause)}`, { cause });
  });
  const { head, files } = readArtifact(bytes, { keyring, ...(nowMs !== undefined && { nowMs }) });
  const { manifest } = head;
  requireFit(manifest, system);
  requireNewer(manifest.version, options);
  const place: Place = state.current?.place === "a" ? "b" : "a";
  try {
    await fill(dir, place, new Map([...files, [headName, head.bytes]]));
    writeState(dir, {
      format: 1,
      current: { place, version: manifest.version },
      trial: {
        from: running,
        // What was left for the root slot's own scripts does not come back.
        ...(state.current?.version === running && { earlier: state.current }),
        ...(id !== undefined && { id }),
        triesLeft: options.tries ?? 3,
        deadlineMs: options.deadlineMs ?? 180_000,
      },
      ...(state.outcome && { outcome: state.outcome }),
      ...(state.ended !== undefined && { ended: state.ended }),
    });
  } catch (cause) {
    throw new UmecError("UPDATE_FAILED", `the program could not be written: ${messageOf(cause)}`, { cause });
  }
  return manifest;
}

async function readProgram(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > mostBytes) throw refused(`it has ${size} bytes, the most are ${mostBytes}`);
  return readFile(path);
}

function requireNewer(version: string, { system, running, mayBeOlder = false }: InstallProgramOptions): void {
  const toSystem = compareSemver(version, system.version) ?? 0;
  if (toSystem <= 0)
    throw refused(`${version} is not newer than the system, which is ${system.version}`, {
      hint: "an older program comes with its system",
    });
  const order = compareSemver(version, running) ?? 0;
  if (order === 0) throw refused(`${version} is what runs already`);
  if (order < 0 && !mayBeOlder)
    throw refused(`${version} is older than ${running}, which runs`, { hint: "a maintainer can permit it" });
}

async function fill(dir: string, place: Place, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await makePrivateDirectory(dir);
  const at = join(dir, place);
  await rm(at, { recursive: true, force: true });
  await mkdir(at, { mode: 0o700 });
  const waiting = [...files];
  const writers = Array.from({ length: 8 }, async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await writeSynced(join(at, next[0]), next[1]);
  });
  await Promise.all(writers);
  await syncDirectory(at);
  await syncDirectory(dir);
}
