/**
 * What `umec run` does about programs on /data while a node runs: it judges the one that runs here, if that is on trial,
 * and starts the process again when another is to run.
 */
import { readFileSync } from "node:fs";
import { watch } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { makePrivateDirectory } from "../durable-file.ts";
import { messageOf } from "../errors.ts";
import type { Handover } from "../handover/give.ts";
import { handoverFormat } from "../handover/record.ts";
import type { Log } from "../log.ts";
import { handClockOn } from "../set-clock.ts";
import { readHead } from "../update/program/artifact.ts";
import {
  defaultKeyringPath,
  keyringName,
  launcherName,
  programDirName,
  programPlaceName,
} from "../update/program/env.ts";
import {
  headName,
  type Place,
  type ProgramState,
  readState,
  stateFileName,
} from "../update/program/state.ts";
import { readSystem, systemFileName } from "../update/program/system.ts";
import { judgeTrial, type TrialHealth } from "../update/program/trial.ts";
import type { UpdateReport } from "../update/types.ts";
import { version } from "../version.ts";
import { relaunch } from "./program-relaunch.ts";

export interface FollowOptions {
  /** As of {@link judgeTrial}. */
  watchHealth(listener: (health: TrialHealth) => void, signal: AbortSignal): void;
  log: Log;
  /** The node stops. */
  signal: AbortSignal;
}

export interface ProgramsEnd {
  restart: true;
  /** The scripts that are to run take over what goes on meanwhile. */
  handOver: boolean;
}

/**
 * Resolves when another program than this process's is to run; never where there is no store of programs, or it can't be
 * watched, which is no reason to stop measuring.
 */
export async function followPrograms(options: FollowOptions): Promise<ProgramsEnd> {
  const { log, signal } = options;
  const dir = process.env[programDirName];
  try {
    if (dir) return await follow(resolve(dir), options);
  } catch (error) {
    if (!signal.aborted) log.error(`programs on /data are not followed: ${messageOf(error)}`);
  }
  return new Promise(() => {});
}

async function follow(dir: string, { watchHealth, log, signal }: FollowOptions): Promise<ProgramsEnd> {
  await makePrivateDirectory(dir);
  const place = process.env[programPlaceName] as Place | undefined;
  const before = currentOf(readState(dir).state);
  const changed = untilChanged(dir, (state) => currentOf(state) !== before, signal);
  if (place) {
    const program = { place, version };
    const judged = await Promise.race([changed, judgeTrial({ dir, program, watch: watchHealth, signal })]);
    if (judged) tell(judged, log);
  }
  await changed;
  log.info("another program is to run: the node starts again");
  return { restart: true, handOver: takesOver(dir) };
}

/**
 * Puts the next process in the place of this one, once the node has stopped; returns where that can't be. What is handed
 * over is ended then.
 */
export async function startAgain(log: Log, left?: Handover): Promise<void> {
  try {
    await handClockOn();
    const handover = await left?.write().catch(async (error: unknown) => {
      log.warn(`programs of plugins don't go on: ${messageOf(error)}`);
      await left.end();
      return undefined;
    });
    relaunch(handover === undefined ? {} : { handover });
  } catch (error) {
    log.debug(`who started it has to start it again: ${messageOf(error)}`);
    await left?.end();
  }
}

/** Both the root slot's own scripts, which run first and may have the last word, and those that are chosen. */
function takesOver(dir: string): boolean {
  const launcher = process.env[launcherName];
  if (!launcher) return false;
  try {
    const lib = join(dirname(launcher), "../lib");
    if (readSystem(join(lib, "..", systemFileName)).handover !== handoverFormat) return false;
    const { current } = readState(dir).state;
    if (!current) return true;
    const keyring = readFileSync(process.env[keyringName] ?? defaultKeyringPath, "utf8");
    const head = readHead(readFileSync(join(dir, current.place, headName)), { keyring });
    return head.manifest.handover === handoverFormat;
  } catch {
    return false;
  }
}

function currentOf({ current }: ProgramState): string {
  return JSON.stringify(current ?? null);
}

async function untilChanged(
  dir: string,
  changed: (state: ProgramState) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const changes = watch(dir, { signal });
  const look = (): boolean => changed(readState(dir).state);
  // After the watch has begun: nothing is missed in between.
  const next = changes.next();
  next.catch(() => {});
  if (look()) return;
  for (let event = await next; !event.done; event = await changes.next())
    if (event.value.filename === stateFileName && look()) return;
}

function tell({ phase, from, to, reason }: UpdateReport, log: Log): void {
  if (phase === "good") log.info(`program ${to} is good`, { from });
  else log.error(`program ${to} falls back to ${from}: ${reason}`);
}
