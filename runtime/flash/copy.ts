import { createHash } from "node:crypto";
import { UmecError } from "../errors.ts";
import { allocateAligned } from "./aligned.ts";
import { damaged, type Image } from "./image.ts";
import type { Medium } from "./medium.ts";
import { createCutter, type MappedRange, nonZeroRuns } from "./ranges.ts";

/** Bytes that are written at a time. */
const pieceBytes = 4 * 2 ** 20;

export interface CopyOptions {
  image: Image;
  medium: Medium;
  /** The image's first bytes, that many, are not written but given back. At most 4 MiB. */
  headBytes: number;
  /** Whether blocks of zeros need not be written, since the medium has zeros everywhere. @default false */
  skipZeros?: boolean;
  /** Bytes of what the image holds. @default none */
  onProgress?: (done: number, all: number | undefined) => void;
  signal: AbortSignal;
}

export interface Copied {
  head: Uint8Array;
  /** What has to be read back, `head` included. */
  ranges: readonly MappedRange[];
  /** Of what the image holds. */
  bytes: number;
  /** That were written, `head` not included. */
  writtenBytes: number;
}

/**
 * Writes the blocks of an image that hold something, while the next ones are read and unpacked.
 *
 * @throws UmecError `FLASH_IMAGE_DAMAGED`, `FLASH_TOO_SMALL`, `FLASH_WRITE`
 */
export async function copyImage(options: CopyOptions): Promise<Copied> {
  const { image, medium, headBytes, skipZeros = false, onProgress, signal } = options;
  const ranges: MappedRange[] = [...(image.blockMap?.ranges ?? [])];
  const cut = image.blockMap && createCutter(ranges);
  const whole = image.sha256 === undefined ? undefined : createHash("sha256");
  const head = Buffer.alloc(headBytes);
  let rangeHash = createHash("sha256");
  let writtenBytes = 0;

  /** What of the piece is to be written, in bytes of the image; sees to the checksums of the ranges. */
  const mapped = (bytes: Uint8Array, start: number) => {
    const end = start + bytes.length;
    if (!cut) {
      ranges.push({ start, end, sha256: createHash("sha256").update(bytes).digest("hex") });
      return [{ start, end }];
    }
    const overlaps = cut(start, end);
    for (const { range, ...part } of overlaps) {
      rangeHash.update(bytes.subarray(part.start - start, part.end - start));
      if (part.end < range.end) continue;
      const digest = rangeHash.digest("hex");
      rangeHash = createHash("sha256");
      if (digest !== range.sha256)
        throw damaged(image.path, `bytes ${range.start} to ${range.end} are not those of its block map`);
    }
    return overlaps;
  };

  const flush = async (bytes: Uint8Array, start: number) => {
    if (start + bytes.length > medium.bytes) throw tooSmall(image.path, start + bytes.length, medium);
    if (start < headBytes) head.set(bytes.subarray(0, headBytes - start), start);
    for (const part of mapped(bytes, start)) {
      const from = Math.max(part.start, headBytes);
      if (from >= part.end) continue;
      const slice = bytes.subarray(from - start, part.end - start);
      const runs = skipZeros ? nonZeroRuns(slice) : [{ start: 0, end: slice.length }];
      for (const run of runs) {
        await medium.write(slice.subarray(run.start, run.end), from + run.start);
        writtenBytes += run.end - run.start;
      }
    }
  };

  const buffers = [allocateAligned(pieceBytes), allocateAligned(pieceBytes)] as [Uint8Array, Uint8Array];
  let position = 0;
  let filled = 0;
  let writing: Promise<void> = Promise.resolve();
  const turn = async () => {
    await writing;
    signal.throwIfAborted();
    writing = flush(buffers[0].subarray(0, filled), position);
    // It is awaited at the next turn, or at the end.
    writing.catch(() => undefined);
    buffers.reverse();
    position += filled;
    filled = 0;
    onProgress?.(position, image.bytes);
  };
  try {
    for await (const chunk of image.content()) {
      whole?.update(chunk);
      for (let rest = chunk; rest.length > 0; ) {
        const part = rest.subarray(0, pieceBytes - filled);
        buffers[0].set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
        if (filled === pieceBytes) await turn();
      }
    }
    if (filled > 0) await turn();
  } finally {
    await writing;
  }
  if (image.bytes !== undefined && position !== image.bytes)
    throw damaged(image.path, `it holds ${position} bytes instead of ${image.bytes}`);
  if (whole && whole.digest("hex") !== image.sha256)
    throw damaged(image.path, "the SHA-256 of what it holds is not the one that lies beside it");
  return { head, ranges, bytes: position, writtenBytes };
}

export function tooSmall(
  image: string,
  bytes: number,
  { path, bytes: room }: { path: string; bytes: number },
) {
  return new UmecError("FLASH_TOO_SMALL", `${image} needs ${bytes} bytes, and ${path} has ${room}`, {
    hint: "take a larger card",
  });
}
