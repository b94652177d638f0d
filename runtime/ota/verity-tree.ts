/**
 * The hash tree of dm-verity, version 1, as veritysetup and RAUC write it behind the data: SHA-256 over salt and block,
 * blocks of 4096 bytes, 128 hashes in a block, the topmost level first.
 *
 * It is random to look at and differs as a whole when the salt does, so it would be most of what a small change costs. It
 * can be computed, so it need not be carried.
 */
import { hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { readFully } from "./read-chunks.ts";

export const blockBytes = 4096;
const hashBytes = 32;
const hashesPerBlock = blockBytes / hashBytes;
const blocksAtOnce = 64;

/** The length of the tree over so much data, which is whole blocks, at least two. */
export function treeBytes(dataBytes: number): number {
  let blocks = dataBytes / blockBytes;
  let sum = 0;
  do {
    blocks = Math.ceil(blocks / hashesPerBlock);
    sum += blocks;
  } while (blocks > 1);
  return sum * blockBytes;
}

/**
 * The tree over `dataBytes` from `offset`; 1/127 of the data is in memory meanwhile. `undefined` when the file ends before.
 */
export async function verityTree(
  file: FileHandle,
  { offset, dataBytes, salt }: { offset: number; dataBytes: number; salt: Uint8Array },
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const hasher = new BlockHasher(salt);
  const blocks = dataBytes / blockBytes;
  let level = emptyLevel(blocks);
  const piece = Buffer.allocUnsafe(blocksAtOnce * blockBytes);
  for (let block = 0; block < blocks; block += blocksAtOnce) {
    signal.throwIfAborted();
    const some = piece.subarray(0, Math.min(blocksAtOnce, blocks - block) * blockBytes);
    if (!(await readFully(file, some, offset + block * blockBytes))) return undefined;
    hasher.hash(some, level, block);
  }
  const levels = [level];
  while (level.length > blockBytes) {
    const below = level;
    level = emptyLevel(below.length / blockBytes);
    hasher.hash(below, level, 0);
    levels.unshift(level);
  }
  return Buffer.concat(levels);
}

function emptyLevel(blocksBelow: number): Buffer {
  return Buffer.alloc(Math.ceil(blocksBelow / hashesPerBlock) * blockBytes);
}

class BlockHasher {
  readonly #salted: Buffer;
  readonly #saltBytes: number;

  constructor(salt: Uint8Array) {
    this.#saltBytes = salt.length;
    this.#salted = Buffer.concat([salt, Buffer.alloc(blockBytes)]);
  }

  /** The hashes of all blocks of `data`, into `level` from the hash `first` on. */
  hash(data: Buffer, level: Buffer, first: number): void {
    for (let at = 0, to = first * hashBytes; at < data.length; at += blockBytes, to += hashBytes) {
      data.copy(this.#salted, this.#saltBytes, at, at + blockBytes);
      hash("sha256", this.#salted, "buffer").copy(level, to);
    }
  }
}
