/** The end of what was left by the process before, where nobody takes it over. */
import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { endGroup } from "../process/cgroup.ts";
import { loadLibc } from "./libc.ts";
import {
  type ChildRecord,
  descriptorsOf,
  type HandoverRecord,
  isOurs,
  type ProgramRecord,
  readRecord,
  runs,
} from "./record.ts";

/** As node-process.ts gives to a program that is stopped. */
const graceMs = 1_500;
const lookMs = 10;

/** SIGTERM, SIGKILL after 1.5 s for it and all in its group, and then whatever is left in its control group. */
export async function endProgram(program: ProgramRecord): Promise<void> {
  signalGroup(program, "SIGTERM");
  const deadline = performance.now() + graceMs;
  while (runs(program) && performance.now() < deadline) await sleep(lookMs);
  signalGroup(program, "SIGKILL");
  if (program.group !== undefined) await endGroup(program.group);
}

/** Resolves when it has ended, 3 s after SIGKILL at most. */
export async function endServer(server: ChildRecord): Promise<void> {
  if (!runs(server)) return;
  kill(server.pid, "SIGKILL");
  const deadline = performance.now() + 3_000;
  while (runs(server) && performance.now() < deadline) await sleep(lookMs);
}

/** For a process that ends: nobody waits. Programs may still end by themselves; their bus and their input are gone. */
export function endAllAtOnce({ bus, programs }: HandoverRecord): void {
  for (const program of programs) signalGroup(program, "SIGTERM");
  if (isOurs(bus.server)) kill(bus.server.pid, "SIGTERM");
}

/** {@link endAllAtOnce} when this process ends by itself; not when another takes its place. */
export function endAllAtExit(descriptor: number): void {
  try {
    const record = readRecord(descriptor);
    process.once("exit", () => endAllAtOnce(record));
  } catch {
    // Whoever takes it over says so.
  }
}

/** {@link endAllAtOnce} where scripts are to run that don't take it over. */
export function endAll(descriptor: number): void {
  try {
    const record = readRecord(descriptor);
    endAllAtOnce(record);
    for (const one of [descriptor, ...descriptorsOf(record)]) closeSync(one);
  } catch {
    // There is nothing to be known of it.
  }
}

/** Keeps what nobody has taken yet over one more execve(2). `undefined` where that can't be; then it is ended. */
export async function passOn(descriptor: number): Promise<number | undefined> {
  try {
    const record = readRecord(descriptor);
    const libc = await loadLibc();
    for (const one of [descriptor, ...descriptorsOf(record)]) libc.setCloseOnExec(one, false);
    return descriptor;
  } catch {
    endAll(descriptor);
    return undefined;
  }
}

/** The group outlives its leader. */
function signalGroup(program: ProgramRecord, name: NodeJS.Signals): void {
  if (isOurs(program)) kill(-program.pid, name);
}

function kill(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Nobody is left.
  }
}
