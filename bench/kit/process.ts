/** What the kernel knows of a process (Linux, proc(5)). Throws when it is gone. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface MemoryKiB {
  /** Resident pages, each shared one divided by the number of its users. */
  pss: number;
  rss: number;
  /** Private or shared memory that is in no file: heap, stacks. */
  anon: number;
  /** Pages of files that are mapped: programs and libraries. The kernel may drop and read them again. */
  file: number;
}

export async function memoryOf(pid: number): Promise<MemoryKiB> {
  const [rollup, status] = await Promise.all([
    readFile(`/proc/${pid}/smaps_rollup`, "latin1"),
    readFile(`/proc/${pid}/status`, "latin1"),
  ]);
  const field = (text: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? Number.NaN);
  return {
    pss: field(rollup, "Pss"),
    rss: field(rollup, "Rss"),
    anon: field(status, "RssAnon"),
    file: field(status, "RssFile"),
  };
}

/** Ticks in `/proc/<pid>/stat`: USER_HZ, which is 100 on every Linux that Node runs on. */
const ticksPerS = 100;

/** Processor time of all threads so far, user and system, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field is the name in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerS;
}

/** The pid in a nats-server's directory: see runtime/nats/server-process.ts. */
export function natsServerPid(dir: string): number {
  return Number(readFileSync(`${dir}/nats-server.pid`, "latin1"));
}
