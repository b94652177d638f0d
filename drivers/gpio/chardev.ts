/**
 * GPIO lines by the kernel's character devices, /dev/gpiochip0 and so on: version 2 of the interface, Linux 5.10.
 *
 * - A request is one descriptor for up to 64 lines of one chip. Who closes it, or dies, has given the lines back.
 * - Edges wait in the kernel, 1,024 for each request, with the time of their interrupt; when there are more the
 *   oldest go. Each has its number on its line, so what went missing is counted.
 * - One read takes all that wait. The descriptor does not block: a wake-up that comes after an earlier read has taken
 *   everything, or that was meant for a descriptor of the same number before, finds nothing, and costs nothing.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, type UmecError } from "../../runtime/plugin/sdk.ts";
import { isLibcError, type Libc, libc } from "../common/libc.ts";
import { loadWatchReadable, type WatchReadable } from "../common/readable.ts";
import {
  addonError,
  busyError,
  errnoOf,
  faultError,
  goneError,
  noChipError,
  openError,
  requestError,
} from "./errors.ts";
import type { Chip, Chips, Edge, GpioPort, HeldLines, LineConfig, LineInfo, LineRequest } from "./port.ts";
import * as uapi from "./uapi.ts";

/** What it needs of the system; for tests, another one. */
export interface System {
  readonly libc: Libc;
  readonly watchReadable: () => Promise<WatchReadable>;
  readonly open: (path: string) => number;
  readonly close: (fd: number) => void;
  /** read(2): the number of bytes; throws `EAGAIN` when there are none. */
  readonly read: (fd: number, into: Uint8Array) => number;
  /** Where device files are. */
  readonly directory: string;
}

/** FIONBIO: reads do not wait. The same number on all machines that we run on. */
const setNonBlocking = 0x5421;
const consumer = "umec";

export const linux: Omit<System, "libc"> = {
  watchReadable: () =>
    loadWatchReadable().catch((cause: unknown) => Promise.reject(addonError("epoll", messageOf(cause)))),
  open: (path) => openSync(path, "r+"),
  close: closeSync,
  read: (fd, into) => readSync(fd, into),
  directory: "/dev",
};

/** Names of the device files, in the order of their numbers. */
export async function chipNames(directory = linux.directory): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => /^gpiochip\d+$/.test(name));
  return names.sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)));
}

export function createChardev(system: System = { ...linux, libc: libc() }): GpioPort {
  const { directory } = system;
  const buffer = new Uint8Array(uapi.maxBufferedEvents * uapi.lineEventBytes);

  async function withChip<T>(name: string, work: (fd: number) => T): Promise<T> {
    const path = join(directory, name);
    let fd: number;
    try {
      fd = system.open(path);
    } catch (cause) {
      throw openError(cause, path, await groupOf(path));
    }
    try {
      return work(fd);
    } finally {
      system.close(fd);
    }
  }

  function lineInfo(fd: number, offset: number): LineInfo {
    const bytes = uapi.encodeLineInfo(offset);
    system.libc.ioctl(fd, uapi.ioctls.getLineInfo, bytes);
    return uapi.decodeLineInfo(bytes);
  }

  return {
    // The clock of Node.js is CLOCK_MONOTONIC, as that of edges.
    nowMs: () => Number(process.hrtime.bigint()) / 1e6,
    async chips(): Promise<Chips> {
      const names = await chipNames(directory);
      if (names.length === 0) throw noChipError();
      const chips: Chip[] = [];
      const refused: UmecError[] = [];
      for (const name of names) {
        try {
          const bytes = new Uint8Array(uapi.chipInfoBytes);
          await withChip(name, (fd) => system.libc.ioctl(fd, uapi.ioctls.getChipInfo, bytes));
          chips.push(uapi.decodeChipInfo(bytes));
        } catch (error) {
          refused.push(isLibcError(error) ? faultError(error, `asking ${name}`) : (error as UmecError));
        }
      }
      return { chips, refused };
    },
    lines: ({ name, lines }) =>
      withChip(name, (fd) => {
        try {
          return Array.from({ length: lines }, (_, offset) => lineInfo(fd, offset));
        } catch (cause) {
          throw requestError(cause, `the lines of ${name}`, "asked");
        }
      }),
    async request(request) {
      const watch =
        request.onEdges && request.config.edge !== "none" ? await system.watchReadable() : undefined;
      const bytes = uapi.encodeLineRequest({ ...request, consumer });
      await withChip(request.chip.name, (chip) => {
        try {
          system.libc.ioctl(chip, uapi.ioctls.getLine, bytes);
        } catch (cause) {
          throw refusal(cause, request, (offset) => lineInfo(chip, offset));
        }
      });
      const held = hold(uapi.requestedFd(bytes), request, system);
      if (watch) {
        try {
          held.watch(watch, buffer);
        } catch (cause) {
          held.close();
          throw faultError(cause, `waiting for edges of ${linesOf(request)}`);
        }
      }
      return held;
    },
  };
}

/** Why the kernel refused a request. */
function refusal(cause: unknown, request: LineRequest, info: (offset: number) => LineInfo): UmecError {
  const { chip, offsets, config } = request;
  if (errnoOf(cause) !== "EBUSY") return requestError(cause, linesOf(request), wordsOf(config));
  for (const offset of offsets) {
    try {
      const { used, consumer: holder } = info(offset);
      if (used) return busyError(`${chip.name}:${offset}`, holder, cause);
    } catch {
      break;
    }
  }
  return busyError(linesOf(request), "", cause);
}

interface Watched extends HeldLines {
  watch(watch: WatchReadable, buffer: Uint8Array): void;
}

function hold(fd: number, request: LineRequest, system: System): Watched {
  const { chip, offsets } = request;
  const names = linesOf(request);
  const all = uapi.allOf(offsets.length);
  const lastNumbers = new Map<number, number>();
  let unwatch = (): void => {};
  let open = true;

  function edge(event: uapi.LineEvent): Edge {
    const { offset, rising, atMs, lineSeqno } = event;
    const expected = ((lastNumbers.get(offset) ?? 0) + 1) >>> 0;
    lastNumbers.set(offset, lineSeqno);
    return { offset, rising, atMs, lost: (lineSeqno - expected) >>> 0 };
  }

  /** The number of a closed descriptor may be somebody else's by now. */
  function stillOpen(): void {
    if (!open) throw faultError("they were given back", `using ${names}`);
  }

  /** Takes all that waits now. More that comes meanwhile wakes us again. */
  function take(buffer: Uint8Array): void {
    if (!open) return;
    let bytes: number;
    try {
      bytes = system.read(fd, buffer);
    } catch (cause) {
      if (errnoOf(cause) === "EAGAIN") return;
      unwatch();
      unwatch = () => {};
      request.onGone?.(goneError(chip.name, cause));
      return;
    }
    const count = Math.floor(bytes / uapi.lineEventBytes);
    request.onEdges?.(Array.from({ length: count }, (_, index) => edge(uapi.decodeLineEvent(buffer, index))));
  }

  return {
    watch(watch, buffer) {
      system.libc.ioctl(fd, setNonBlocking, new Uint8Array(new Int32Array([1]).buffer));
      unwatch = watch(fd, () => take(buffer));
    },
    read() {
      const bytes = uapi.encodeLineValues(0n, all);
      stillOpen();
      try {
        system.libc.ioctl(fd, uapi.ioctls.getValues, bytes);
      } catch (cause) {
        throw faultError(cause, `reading ${names}`);
      }
      return uapi.decodeLineValues(bytes, offsets.length);
    },
    write(offset, value) {
      const bit = 1n << BigInt(offsets.indexOf(offset));
      stillOpen();
      try {
        system.libc.ioctl(fd, uapi.ioctls.setValues, uapi.encodeLineValues(value ? bit : 0n, bit));
      } catch (cause) {
        throw faultError(cause, `setting ${chip.name}:${offset}`);
      }
    },
    close() {
      if (!open) return;
      open = false;
      unwatch();
      system.close(fd);
    },
  };
}

function linesOf({ chip, offsets }: LineRequest): string {
  return `${chip.name}:${offsets.join(",")}`;
}

/** What was asked of the line: `an input, pull-up, debounced`. */
function wordsOf({ direction, bias, drive, edge, debounceMs }: LineConfig): string {
  const words = direction === "in" ? ["an input"] : ["an output"];
  if (bias !== "as-is") words.push(`bias ${bias}`);
  if (direction === "out" && drive !== "push-pull") words.push(drive);
  if (direction === "in" && edge !== "none") words.push("with edges");
  if (direction === "in" && debounceMs > 0) words.push("debounced");
  return words.join(", ");
}

/** The name of the group that owns a file, if that can be told. */
async function groupOf(path: string): Promise<string | undefined> {
  try {
    const { gid } = await stat(path);
    const groups = await readFile("/etc/group", "utf8");
    return groups.match(new RegExp(`^([^:]+):[^:]*:${gid}:`, "m"))?.[1] ?? `with the number ${gid}`;
  } catch {
    return undefined;
  }
}
