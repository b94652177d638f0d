/**
 * What a process of the runtime leaves to the one that takes its place (execve(2)) when the scripts change: its
 * nats-server, and the programs of plugins, which go on meanwhile.
 *
 * They stay children of the same process, as that keeps its id, and its ends of their pipes stay open. What is known of
 * them is written into a file that has no name (memfd_create(2)), as keys of the bus are in it: it is in memory alone, and
 * gone with the process or with its reading. {@link handoverName} in the environment is its descriptor.
 *
 * The record proves nothing by itself: a process in it counts only while it is a child of this one that was started at
 * that very moment. Whatever is in doubt is ended and started anew, as if nothing had been handed over.
 */
import { fstatSync, readFileSync, readSync } from "node:fs";

/** Descriptor of the record, in the environment. */
export const handoverName = "UMEC_HANDOVER";
/** What scripts that take over say of themselves: `handover` in a program's manifest and in `system.json`. */
export const handoverFormat = 1;

export interface ChildRecord {
  pid: number;
  /** When it was started, in clock ticks since the boot: field 22 of `/proc/<pid>/stat`. */
  startTicks: string;
}

export interface ServerRecord extends ChildRecord {
  /** Descriptor of the reading end of its stderr. */
  stderr: number;
  ports: { client: number; leaf: number; websocket: number };
}

export interface ProgramRecord extends ChildRecord {
  plugin: string;
  /** Of all that it was started with. */
  digest: string;
  /** Descriptors of this side of its pipes. */
  stdin: number;
  stdout: number;
  stderr: number;
  /** Its control group's path. */
  group?: string;
}

/** Seeds and claims of the bus, which are made anew at each other start. */
export interface BusRecord {
  server: ServerRecord;
  /** By the account's name. */
  seeds: Record<string, string>;
  operatorJwt: string;
  /** Public key, claims as JSON, and the JWT that says them. */
  signed: [string, string, string][];
  plugins: [string, { account: string; signer: string; program: string }][];
  reconnectMs: number;
}

/** By session the ranges of emits that are stored. */
export type SeenRecord = [string, [number, number][]][];

export interface HandoverRecord {
  format: typeof handoverFormat;
  node: string;
  dataPath: string;
  bus: BusRecord;
  programs: ProgramRecord[];
  /** By plugin. */
  seen: [string, SeenRecord][];
}

/** Every descriptor that must stay open. */
export function descriptorsOf({ bus, programs }: HandoverRecord): number[] {
  return [bus.server.stderr, ...programs.flatMap(({ stdin, stdout, stderr }) => [stdin, stdout, stderr])];
}

/** The record that a descriptor leads to. Throws where there is none, or it can't be understood. */
export function readRecord(descriptor: number): HandoverRecord {
  const bytes = Buffer.alloc(fstatSync(descriptor).size);
  readSync(descriptor, bytes, 0, bytes.length, 0);
  const record = JSON.parse(bytes.toString()) as HandoverRecord;
  if (!isRecord(record)) throw new Error(`it is of format ${record?.format}, or not whole`);
  return record;
}

/** When a child of this process was started; `undefined` of anything else. One that has ended counts until it was waited for. */
export function startTicksOf(pid: number): string | undefined {
  return lookAt(pid)?.startTicks;
}

/** Whether it is a child of this process: then its number, and its group's, are nobody else's. */
export function isOurs({ pid, startTicks }: ChildRecord): boolean {
  return startTicksOf(pid) === startTicks;
}

/** Whether it is, and has not ended. */
export function runs({ pid, startTicks }: ChildRecord): boolean {
  const found = lookAt(pid);
  return found !== undefined && found.startTicks === startTicks && found.state !== "Z";
}

function lookAt(pid: number): { state: string; startTicks: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name, in brackets, may have anything in it.
  const [state = "", parent, ...more] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(parent) === process.pid ? { state, startTicks: more[17] ?? "" } : undefined;
}

function isRecord(value: HandoverRecord | null): boolean {
  if (value?.format !== handoverFormat) return false;
  const { node, dataPath, bus, programs, seen } = value;
  return (
    typeof node === "string" &&
    typeof dataPath === "string" &&
    isServer(bus?.server) &&
    typeof bus.seeds === "object" &&
    typeof bus.operatorJwt === "string" &&
    Array.isArray(bus.signed) &&
    Array.isArray(bus.plugins) &&
    Number.isSafeInteger(bus.reconnectMs) &&
    Array.isArray(programs) &&
    programs.every(isProgram) &&
    Array.isArray(seen) &&
    seen.every(([plugin, sessions]) => typeof plugin === "string" && sessions.every(isSession))
  );
}

function isSession([session, ranges]: SeenRecord[number]): boolean {
  return typeof session === "string" && ranges.every((range) => range.every(Number.isSafeInteger));
}

function isServer(value: ServerRecord | undefined): boolean {
  return isChildRecord(value) && isDescriptor(value?.stderr) && Number.isSafeInteger(value?.ports?.client);
}

function isProgram(value: ProgramRecord | null): boolean {
  return (
    isChildRecord(value) &&
    typeof value?.plugin === "string" &&
    typeof value.digest === "string" &&
    [value.stdin, value.stdout, value.stderr].every(isDescriptor)
  );
}

function isChildRecord(value: ChildRecord | null | undefined): boolean {
  return Number.isSafeInteger(value?.pid) && value!.pid > 1 && typeof value!.startTicks === "string";
}

function isDescriptor(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 2;
}
