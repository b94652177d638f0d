/**
 * What `umec run` does about programs on /data while a node runs: it judges the one that runs here, if that is on trial,
 * and starts the process again when another is to run.
 */
import { watch } from "node:fs/promises";
import { resolve } from "node:path";
import { makePrivateDirectory } from "../durable-file.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { handClockOn } from "../set-clock.ts";
import { programDirName, programPlaceName } from "../update/program/env.ts";
import { type Place, type ProgramState, readState, stateFileName } from "../update/program/state.ts";
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

/**
 * Resolves when another program than this process's is to run; never where there is no store of programs, or it can't be
 * watched, which is no reason to stop measuring.
 */
export async function followPrograms(options: FollowOptions): Promise<{ restart: true }> {
  const { log, signal } = options;
  const dir = process.env[programDirName];
  try {
    if (dir) return await follow(resolve(dir), options);
  } catch (error) {
    if (!signal.aborted) log.error(`programs on /data are not followed: ${messageOf(error)}`);
  }
  return new Promise(() => {});
}

async function follow(dir: string, { watchHealth, log, signal }: FollowOptions): Promise<{ restart: true }> {
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
  return { restart: true };
}

/** Puts the next process in the place of this one, once the node has stopped; returns where that can't be. */
export async function startAgain(log: Log): Promise<void> {
  try {
    await handClockOn();
    relaunch();
  } catch (error) {
    log.debug(`who started it has to start it again: ${messageOf(error)}`);
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
