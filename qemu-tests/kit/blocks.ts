import type { FileHandle } from "node:fs/promises";
import { UmecError } from "../../runtime/errors.ts";

/** Bytes at places: a disk, a partition, a file. Reads and writes are whole or reject. */
export interface Blocks {
  readonly bytes: number;
  /** @throws UmecError `BLOCKS_OUT_OF_RANGE` */
  read(offset: number, length: number): Promise<Buffer>;
  /** @throws UmecError `BLOCKS_OUT_OF_RANGE` */
  write(offset: number, data: Uint8Array): Promise<void>;
}

/** An open file as blocks; it stays the caller's. */
export function fileBlocks(file: FileHandle, bytes: number): Blocks {
  return {
    bytes,
    async read(offset, length) {
      checkRange(bytes, offset, length);
      const buffer = Buffer.alloc(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
        // Behind the end of a sparse file that was not filled yet there are zeros.
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return buffer;
    },
    async write(offset, data) {
      checkRange(bytes, offset, data.length);
      for (let done = 0; done < data.length; ) {
        done += (await file.write(data, done, data.length - done, offset + done)).bytesWritten;
      }
    },
  };
}

/** A part of `whole`, such as a partition. */
export function partOf(whole: Blocks, start: number, bytes: number): Blocks {
  checkRange(whole.bytes, start, bytes);
  return {
    bytes,
    async read(offset, length) {
      checkRange(bytes, offset, length);
      return whole.read(start + offset, length);
    },
    async write(offset, data) {
      checkRange(bytes, offset, data.length);
      await whole.write(start + offset, data);
    },
  };
}

export function checkRange(bytes: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= bytes) return;
  throw new UmecError("BLOCKS_OUT_OF_RANGE", `${length} bytes at ${offset} do not lie within ${bytes} bytes`);
}
