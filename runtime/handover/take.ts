/**
 * What the process before has left to this one: taken once, at the start of the node.
 *
 * Who claims something with the same digest has it, as it is. All else is ended: what is claimed with another digest, at
 * the claim; what nobody can claim, when the node has been led to its first target; and everything, when the record can't be
 * read, is another node's, or its bus can't be taken over. Then the node starts as if nothing had been left.
 */
import { closeSync, ftruncateSync, readdirSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { endAllAtExit, endProgram, endServer } from "./end.ts";
import { type Libc, loadLibc } from "./libc.ts";
import {
  type BusRecord,
  type ChildRecord,
  descriptorsOf,
  type HandoverRecord,
  handoverName,
  type ProgramRecord,
  readRecord,
  runs,
  type SeenRecord,
} from "./record.ts";

/** O_CLOEXEC, as proc(5) has it in `flags`. */
const closeOnExecFlag = 0o2000000;
/** From SIGKILL to the end. */
const killMs = 3_000;

/** A child that this process did not start itself. */
export interface AdoptedChild {
  readonly pid: number;
  /** In words how it ended. */
  readonly ended: Promise<string>;
}

export interface AdoptedProgram extends AdoptedChild {
  readonly record: ProgramRecord;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
}

export interface AdoptedServer extends AdoptedChild {
  readonly stderr: Socket;
  readonly ports: BusRecord["server"]["ports"];
}

/** What was left to this process, or `undefined`. Never rejects. */
export async function takeHandover(log: Log): Promise<Inheritance | undefined> {
  const text = process.env[handoverName];
  if (text === undefined) return undefined;
  delete process.env[handoverName];
  const descriptor = Number(text);
  try {
    const record = readRecord(descriptor);
    endAllAtExit(descriptor);
    ftruncateSync(descriptor, 0);
    closeSync(descriptor);
    const libc = await loadLibc();
    // Nothing that is started from now on may hold them open.
    for (const one of descriptorsOf(record)) libc.setCloseOnExec(one, true);
    return new Inheritance(record, libc, log);
  } catch (error) {
    log.error(`what the process before has left is ended: ${messageOf(error)}`);
    endChildren();
    closeInherited();
    return undefined;
  }
}

/** At its start, a process that has inherited has no other children. */
function endChildren(): void {
  try {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, "latin1");
    for (const pid of children.split(" ").map(Number).filter(Boolean)) endChild(pid);
  } catch {
    // A kernel without that file: their bus and their input end.
  }
}

/** Node.js itself opens nothing that a program which it starts would have, so whatever is like that was inherited. */
function closeInherited(): void {
  for (const name of readdirSync("/proc/self/fd")) {
    const descriptor = Number(name);
    if (descriptor <= 2) continue;
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, "latin1"))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & closeOnExecFlag) === 0) closeSync(descriptor);
    } catch {
      // What the folder was read by.
    }
  }
}

function endChild(pid: number): void {
  for (const target of [-pid, pid])
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // It leads no group, or has ended.
    }
}

export class Inheritance {
  readonly #record: HandoverRecord;
  readonly #libc: Libc;
  readonly #log: Log;
  readonly #programs: Map<string, ProgramRecord>;
  readonly #seen: Map<string, SeenRecord>;
  #serverTaken = false;
  /** That are waited for. */
  readonly #children = new Map<number, (how: string) => void>();

  constructor(record: HandoverRecord, libc: Libc, log: Log) {
    this.#record = record;
    this.#libc = libc;
    this.#log = log;
    this.#programs = new Map(record.programs.map((program) => [program.plugin, program]));
    this.#seen = new Map(record.seen);
  }

  isOf(node: string, dataPath: string): boolean {
    return this.#record.node === node && this.#record.dataPath === dataPath;
  }

  get bus(): BusRecord {
    return this.#record.bus;
  }

  /** For who ends it by itself, whatever comes. Throws when it has ended. */
  adoptServer(): AdoptedServer {
    const { server } = this.#record.bus;
    if (!runs(server)) throw new Error("nats-server has ended meanwhile");
    this.#serverTaken = true;
    const { pid, ports } = server;
    return { pid, ports, stderr: openEnd(server.stderr), ended: this.#endOf(server) };
  }

  /** The emits of a plugin that are stored. */
  seen(plugin: string): SeenRecord | undefined {
    return this.#seen.get(plugin);
  }

  /** The plugin's program, if it was started with what has this digest; one of another digest has ended when this resolves. */
  async claim(plugin: string, digest: string): Promise<AdoptedProgram | undefined> {
    const record = this.#programs.get(plugin);
    if (!record) return undefined;
    this.#programs.delete(plugin);
    if (record.digest !== digest || !runs(record)) {
      await this.#end(record);
      return undefined;
    }
    try {
      return { pid: record.pid, record, ...openPipes(record), ended: this.#endOf(record) };
    } catch (error) {
      this.#log.warn(`the pipes of ${plugin} can't be taken over: ${messageOf(error)}`, { plugin });
      await this.#end(record);
      return undefined;
    }
  }

  /** Ends the programs of all other plugins. Never rejects. */
  async endAllBut(plugins: readonly string[]): Promise<void> {
    const rest = [...this.#programs.values()].filter(({ plugin }) => !plugins.includes(plugin));
    for (const { plugin } of rest) this.#programs.delete(plugin);
    await Promise.all(rest.map((record) => this.#end(record)));
  }

  /** Ends everything that nobody has taken. Never rejects. */
  async refuse(reason: string): Promise<void> {
    const { server } = this.#record.bus;
    if (this.#programs.size === 0 && this.#serverTaken) return;
    this.#log.warn(`what the process before has left is ended: ${reason}`);
    await this.endAllBut([]);
    if (this.#serverTaken) return;
    this.#serverTaken = true;
    await endServer(server);
    this.#libc.reap(server.pid);
  }

  async #end(record: ProgramRecord): Promise<void> {
    const { plugin, pid } = record;
    this.#log.info(`the program of ${plugin} is not taken over, and ended`, { plugin, pid });
    await endProgram(record).catch((error: unknown) => this.#log.warn(messageOf(error), { plugin }));
    closePipes(record);
    // Not before: until then its number, and its group's, are its own.
    await Promise.race([this.#endOf(record), sleep(killMs, undefined, { ref: false })]);
  }

  /** Nobody else waits for it: libuv knows only those that were started by itself. */
  #endOf({ pid }: ChildRecord): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    if (this.#children.size === 0) process.on("SIGCHLD", this.#look);
    this.#children.set(pid, resolve);
    // It may have ended before there was anybody to hear of it.
    this.#look();
    return promise;
  }

  readonly #look = (): void => {
    for (const [pid, resolve] of this.#children) {
      const how = this.#libc.reap(pid);
      if (how === undefined) continue;
      this.#children.delete(pid);
      resolve(how);
    }
    if (this.#children.size === 0) process.off("SIGCHLD", this.#look);
  };
}

function openPipes({ stdin, stdout, stderr }: ProgramRecord): Record<"stdin" | "stdout" | "stderr", Socket> {
  return {
    stdin: new Socket({ fd: stdin, readable: false, writable: true }),
    stdout: openEnd(stdout),
    stderr: openEnd(stderr),
  };
}

function openEnd(descriptor: number): Socket {
  return new Socket({ fd: descriptor, readable: true, writable: false });
}

function closePipes({ stdin, stdout, stderr }: ProgramRecord): void {
  for (const descriptor of [stdin, stdout, stderr])
    try {
      closeSync(descriptor);
    } catch {
      // It is closed.
    }
}
