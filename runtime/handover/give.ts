/**
 * What this process leaves to the next: collected while the node stops, and written down last.
 *
 * Whatever is here still runs, and nobody watches over it any more. So it is either written down, and this process is
 * replaced at once, or ended.
 */
import { writeSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { endProgram, endServer } from "./end.ts";
import { loadLibc } from "./libc.ts";
import {
  type BusRecord,
  descriptorsOf,
  type HandoverRecord,
  handoverFormat,
  type ProgramRecord,
  runs,
  type SeenRecord,
} from "./record.ts";

export class Handover {
  readonly #place: { node: string; dataPath: string };
  readonly #programs = new Map<string, ProgramRecord>();
  readonly #seen = new Map<string, SeenRecord>();
  #bus: BusRecord | undefined;

  constructor(place: { node: string; dataPath: string }) {
    this.#place = place;
  }

  /** Without programs nothing is handed over. */
  get isEmpty(): boolean {
    return this.#programs.size === 0;
  }

  program(program: ProgramRecord): void {
    this.#programs.set(program.plugin, program);
  }

  seen(plugin: string, seen: SeenRecord): void {
    this.#seen.set(plugin, seen);
  }

  bus(bus: BusRecord): void {
    this.#bus = bus;
  }

  /**
   * Writes it down, and keeps all descriptors open over execve(2). To be followed by that.
   *
   * @returns the record's descriptor
   * @throws when it can't be done; then it must be ended
   */
  async write(): Promise<number> {
    const bus = this.#bus;
    if (!bus) throw new Error("the bus was not left");
    const libc = await loadLibc();
    const record: HandoverRecord = {
      format: handoverFormat,
      ...this.#place,
      bus,
      programs: [...this.#programs.values()].filter(runs),
      seen: [...this.#seen],
    };
    const descriptor = libc.createMemoryFile("umec-handover");
    writeSync(descriptor, JSON.stringify(record));
    for (const one of descriptorsOf(record)) libc.setCloseOnExec(one, false);
    return descriptor;
  }

  /** Ends all. Never rejects. */
  async end(): Promise<void> {
    const ending = [...this.#programs.values()].map(endProgram);
    await Promise.allSettled(ending);
    if (this.#bus) await endServer(this.#bus.server);
  }
}

/** A stream over a pipe of a child, as libuv has it. */
interface WithHandle {
  _handle?: { fd?: number; readStop?(): unknown } | null;
}

/** The descriptor of a stream over a child's pipe, which is read no more. Throws where it is closed. */
export function leaveStream(stream: Readable | Writable | null): number {
  const handle = (stream as WithHandle | null)?._handle;
  handle?.readStop?.();
  if (handle?.fd === undefined || handle.fd < 0) throw new Error("a pipe of it is closed");
  return handle.fd;
}
