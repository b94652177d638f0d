/**
 * Where a bundle begins when there may be a program on /data: `bin/umec` starts it for `umec run`.
 *
 * The choice is update/program/launch.ts; here is what the process does with it. A program on trial runs under a guard,
 * and how it ends is written down. One that can't even be loaded is left at once: the process is replaced by a new one
 * (execve(2)), as what it has begun can't be taken back. What the process before has left (handover/) goes to whichever
 * scripts take it over, and is ended where they don't. Nothing here may keep the root slot's own scripts from running.
 */
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { messageOf } from "../errors.ts";
import { endAll, endAllAtExit, passOn } from "../handover/end.ts";
import { handoverFormat, handoverName } from "../handover/record.ts";
import { abandon, noteEnd } from "../update/program/ends.ts";
import { defaultKeyringPath, keyringName, programDirName, programPlaceName } from "../update/program/env.ts";
import type { GuardData } from "../update/program/guard.ts";
import { chooseProgram, type Launch } from "../update/program/launch.ts";
import { readSystem, systemFileName } from "../update/program/system.ts";
import { relaunch } from "./program-relaunch.ts";

/** What the program's own judgement may take longer than its deadline. */
const mostMarginMs = 30_000;

const lib = dirname(fileURLToPath(import.meta.url));
const dir = process.env[programDirName] ?? "";
delete process.env[programPlaceName];
const { [handoverName]: handover } = process.env;
if (handover !== undefined) endAllAtExit(Number(handover));
const { program, notes } = choose();
for (const note of notes) process.stderr.write(`umec: ${note}\n`);
if (handover !== undefined && program && program.handover !== handoverFormat) {
  endAll(Number(handover));
  delete process.env[handoverName];
}
if (program) await run(program);
else await runOwn();

function choose(): Launch {
  try {
    const system = readSystem(join(lib, "..", systemFileName));
    const keyringPath = process.env[keyringName] ?? defaultKeyringPath;
    return chooseProgram({ dir, keyringPath, lib, system });
  } catch (error) {
    return { notes: [messageOf(error)] };
  }
}

async function runOwn(): Promise<void> {
  process.argv[1] = join(lib, "umec.mjs");
  await import("./umec.ts");
}

async function run(program: NonNullable<Launch["program"]>): Promise<void> {
  const { mainPath, trial } = program;
  if (trial) watchOver(program, trial.deadlineMs);
  process.env[programPlaceName] = program.place;
  // Processes of plugins are started by it.
  process.argv[1] = mainPath;
  try {
    await import(pathToFileURL(mainPath).href);
  } catch (error) {
    const reason = `it can't be loaded: ${messageOf(error)}`;
    process.stderr.write(`umec: program ${program.version} is left: ${reason}\n`);
    const kept = handover === undefined ? undefined : await passOn(Number(handover));
    // Without the store the root slot's own scripts run.
    const without = abandon(dir, program, reason) ? {} : { without: programDirName };
    relaunch({ ...without, ...(kept !== undefined && { handover: kept }) });
  }
}

function watchOver(program: NonNullable<Launch["program"]>, deadlineMs: number): void {
  let last: string | undefined;
  process.on("uncaughtExceptionMonitor", (error) => {
    last = messageOf(error);
  });
  process.on("exit", (code) => {
    process.exitCode = noteEnd(dir, program, code, last);
  });
  const { place, version } = program;
  const workerData: GuardData = {
    dir,
    program: { place, version },
    deadlineMs: deadlineMs + Math.min(deadlineMs, mostMarginMs),
  };
  const guard = new Worker(new URL("../update/program/guard.ts", import.meta.url), { workerData });
  guard.unref();
  // Its tries are counted all the same.
  guard.on("error", (error) => process.stderr.write(`umec: nothing guards the program on trial: ${error}\n`));
}
