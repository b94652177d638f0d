import { chunkSizes, createCutter } from "./chunker.ts";

const bufferBytes = 16 * chunkSizes.maxBytes;
const empty = Buffer.alloc(chunkSizes.maxBytes);

/** What is read of a FileHandle. */
export interface Readable {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

export interface CutPiece {
  readonly offset: number;
  /** Good until the next piece is asked for. */
  readonly content: Uint8Array;
  /** Zeros alone, of the greatest length: most of a slot that is larger than what is in it. */
  readonly isEmpty: boolean;
}

/**
 * The chunks of a file or block device, from `start` to `end`, in order; 512 KiB of it are in memory.
 *
 * @param start where a chunk begins, to get the same ones again
 * @param end at most the file's length; a read that ends before it ends the chunks
 */
export async function* readChunks(
  file: Readable,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<CutPiece> {
  const cut = createCutter();
  const buffer = Buffer.allocUnsafe(bufferBytes);
  let offset = start;
  let from = 0;
  let to = 0;
  let ended = false;
  for (;;) {
    while (!ended && to - from < chunkSizes.maxBytes) {
      signal.throwIfAborted();
      buffer.copyWithin(0, from, to);
      to -= from;
      from = 0;
      const want = Math.min(buffer.length - to, end - offset - to);
      const { bytesRead } = want > 0 ? await file.read(buffer, to, want, offset + to) : { bytesRead: 0 };
      to += bytesRead;
      ended = bytesRead === 0;
    }
    if (from === to) return;
    const most = buffer.subarray(from, Math.min(to, from + chunkSizes.maxBytes));
    // Zeros are cut nowhere: that need not be found out byte by byte.
    const isEmpty = most.equals(empty);
    const length = isEmpty ? most.length : cut(buffer, from, to);
    yield { offset, content: buffer.subarray(from, from + length), isEmpty };
    from += length;
    offset += length;
  }
}

/** Fills `buffer` from `offset`. @returns whether the file was long enough */
export async function readFully(file: Readable, buffer: Uint8Array, offset: number): Promise<boolean> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, offset + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}
