import { createHash } from "node:crypto";
import { UmecError } from "../errors.ts";
import { type Medium, readBytes } from "./medium.ts";
import type { MappedRange } from "./ranges.ts";

export interface VerifyOptions {
  medium: Medium;
  ranges: readonly MappedRange[];
  /** Stands for the medium's first bytes, which are not written yet. */
  head: Uint8Array;
  /** Bytes that were read back. @default none */
  onProgress?: (done: number, all: number) => void;
  signal: AbortSignal;
}

/** Reads back each range. @throws UmecError `FLASH_VERIFY`, `FLASH_READ` */
export async function verifyRanges(options: VerifyOptions): Promise<void> {
  const { medium, ranges, head, onProgress, signal } = options;
  const all = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  let done = 0;
  for (const { start, end, sha256 } of ranges) {
    const hash = createHash("sha256");
    for (let at = start; at < end; ) {
      signal.throwIfAborted();
      const until = Math.min(end, at < head.length ? head.length : at + readBytes);
      hash.update(at < head.length ? head.subarray(at, until) : await medium.read(at, until - at));
      done += until - at;
      at = until;
      onProgress?.(done, all);
    }
    if (hash.digest("hex") !== sha256) throw differs(medium, start, end);
  }
}

/** Reads back `bytes`, at most 4 MiB. @throws UmecError `FLASH_VERIFY`, `FLASH_READ` */
export async function verifyBytes(medium: Medium, bytes: Uint8Array, position: number): Promise<void> {
  const read = await medium.read(position, bytes.length);
  if (Buffer.compare(read, bytes) !== 0) throw differs(medium, position, position + bytes.length);
}

function differs({ path }: Medium, start: number, end: number): UmecError {
  return new UmecError(
    "FLASH_VERIFY",
    `${path} gives back something else than was written to bytes ${start} to ${end}`,
    {
      hint: "the card or its reader is faulty, or the card has less room than it says: try another one",
    },
  );
}
