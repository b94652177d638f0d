/**
 * Finds hash trees in a bundle that need not be carried: the one of the bundle itself, and that of the root slot's image in
 * it, which lies as it is, a squashfs with its tree behind, salted by its own checksum (image/root/assemble.sh).
 *
 * Nothing is believed: a tree counts when computing it gives the very bytes of the file. Where nothing is found all is
 * carried, and only that.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { TreeRange } from "./index-format.ts";
import type { BundleManifest } from "./raucb.ts";
import { readFully } from "./read-chunks.ts";
import { blockBytes, treeBytes, verityTree } from "./verity-tree.ts";

const squashfsMagic = "hsqs";
const squashfsHeadBytes = 48;
const pieceBytes = 256 * 1024;
/** Below this a tree is not worth its line. */
const leastDataBytes = 2 ** 20;

/** By where they lie. */
export async function findTrees(
  file: FileHandle,
  manifest: BundleManifest,
  signal: AbortSignal,
): Promise<TreeRange[]> {
  const trees: TreeRange[] = [];
  const end = manifest.tree?.dataBytes ?? 0;
  let free = 0;
  for await (const offset of squashfsIn(file, end, signal)) {
    if (offset === 0 || offset < free) continue;
    const tree = await imageTree(file, offset, end, signal);
    if (!tree) continue;
    trees.push(tree);
    free = tree.at + tree.bytes;
  }
  if (manifest.tree) {
    const { dataBytes, bytes, salt } = manifest.tree;
    const tree = { at: dataBytes, bytes, offset: 0, dataBytes, salt };
    if (await isTree(file, tree, signal)) trees.push(tree);
  }
  return trees;
}

/** Where a squashfs may begin. */
async function* squashfsIn(file: FileHandle, end: number, signal: AbortSignal): AsyncGenerator<number> {
  const overlap = squashfsMagic.length - 1;
  const piece = Buffer.alloc(pieceBytes);
  for (let at = 0; at < end; at += pieceBytes - overlap) {
    signal.throwIfAborted();
    const some = piece.subarray(0, Math.min(pieceBytes, end - at));
    if (!(await readFully(file, some, at))) return;
    for (let found = some.indexOf(squashfsMagic); found >= 0; found = some.indexOf(squashfsMagic, found + 1))
      yield at + found;
  }
}

async function imageTree(
  file: FileHandle,
  offset: number,
  end: number,
  signal: AbortSignal,
): Promise<TreeRange | undefined> {
  const head = Buffer.alloc(squashfsHeadBytes);
  if (!(await readFully(file, head, offset))) return undefined;
  // Version 4.0, and the length that is in use.
  if (head.readUInt32LE(28) !== 4) return undefined;
  const used = head.readBigUInt64LE(40);
  if (used < leastDataBytes || used > end) return undefined;
  const dataBytes = Math.ceil(Number(used) / blockBytes) * blockBytes;
  const bytes = treeBytes(dataBytes);
  const at = offset + dataBytes;
  if (at + bytes > end) return undefined;
  const salt = await sha256Of(file, offset, dataBytes, signal);
  const tree = { at, bytes, offset, dataBytes, salt };
  return (await isTree(file, tree, signal)) ? tree : undefined;
}

async function isTree(file: FileHandle, tree: TreeRange, signal: AbortSignal): Promise<boolean> {
  const computed = await verityTree(file, { ...tree, salt: Buffer.from(tree.salt, "hex") }, signal);
  const there = Buffer.alloc(tree.bytes);
  return computed !== undefined && (await readFully(file, there, tree.at)) && computed.equals(there);
}

async function sha256Of(
  file: FileHandle,
  offset: number,
  bytes: number,
  signal: AbortSignal,
): Promise<string> {
  const digest = createHash("sha256");
  const piece = Buffer.alloc(pieceBytes);
  for (let done = 0; done < bytes; done += pieceBytes) {
    signal.throwIfAborted();
    const some = piece.subarray(0, Math.min(pieceBytes, bytes - done));
    if (!(await readFully(file, some, offset + done))) break;
    digest.update(some);
  }
  return digest.digest("hex");
}
