/**
 * A chip of which only the ioctls are made up: for tests and benches of how fast edges are taken.
 *
 * The descriptor of a request with edges is a pipe of the kernel, and who writes struct gpio_v2_line_event into it
 * stands for the interrupts (pipe-edges.ts). All the rest is the driver's own way with a real chip: epoll, read(2), its
 * buffer and what comes after. An output's descriptor is /dev/null; each of its switches is told with its moment.
 */
import { constants, openSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { libc as systemLibc } from "../common/libc.ts";
import { linux, type System } from "./chardev.ts";
import { ioctls, maxBufferedEvents } from "./uapi.ts";

export interface PipeLinesOptions {
  /** Of the one chip, `gpiochip0`. @default 8 */
  lines?: number;
  /** A named pipe (mkfifo(1)) that stands for the descriptor of a request with edges; there may be one such request. */
  pipe: string;
  /** Told of each switch of an output: `atMs` of CLOCK_MONOTONIC, when the kernel was asked. */
  onSwitch?: (offset: number, value: boolean, atMs: number) => void;
}

export interface PipeLines extends AsyncDisposable {
  readonly system: System;
}

/** FIONBIO: the only call that is the real one. */
const setNonBlocking = 0x5421;

export async function createPipeLines({ lines = 8, pipe, onSwitch }: PipeLinesOptions): Promise<PipeLines> {
  const directory = await mkdtemp(join(tmpdir(), "umec-gpio-"));
  await writeFile(join(directory, "gpiochip0"), "");
  const { ioctl, mmap } = systemLibc();
  const outputs = new Map<number, number[]>();

  /** struct gpio_v2_line_request: its lines, and what is answered, a descriptor. */
  function request(data: DataView): void {
    const offsets = Array.from({ length: data.getUint32(560, true) }, (_, n) => data.getUint32(4 * n, true));
    const bufferedEvents = data.getUint32(564, true);
    if (bufferedEvents > 0 && bufferedEvents !== maxBufferedEvents) {
      throw new Error(`a buffer of ${bufferedEvents} events was asked for, not ${maxBufferedEvents}`);
    }
    // To read and write: else the pipe's end would be told whenever nobody writes.
    const fd = openSync(bufferedEvents > 0 ? pipe : "/dev/null", constants.O_RDWR | constants.O_NONBLOCK);
    if (bufferedEvents === 0) outputs.set(fd, offsets);
    data.setInt32(588, fd, true);
  }

  /** struct gpio_v2_line_values. */
  function setValues(fd: number, data: DataView): void {
    const atMs = Number(process.hrtime.bigint()) / 1e6;
    const [bits, mask] = [data.getBigUint64(0, true), data.getBigUint64(8, true)];
    for (const [index, offset] of (outputs.get(fd) ?? []).entries()) {
      const bit = 1n << BigInt(index);
      if (mask & bit) onSwitch?.(offset, (bits & bit) !== 0n, atMs);
    }
  }

  return {
    system: {
      ...linux,
      directory,
      libc: {
        mmap,
        ioctl(fd, call, argument) {
          if (call === setNonBlocking) return ioctl(fd, call, argument);
          const data = new DataView(argument.buffer, argument.byteOffset, argument.byteLength);
          if (call === ioctls.getChipInfo) {
            argument.set(Buffer.from("gpiochip0"), 0);
            argument.set(Buffer.from("pipe"), 32);
            data.setUint32(64, lines, true);
          }
          if (call === ioctls.getLine) request(data);
          if (call === ioctls.setValues) setValues(fd, data);
          return 0;
        },
      },
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
