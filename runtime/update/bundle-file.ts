/**
 * What a bundle says of itself, and whether all of it is there: one pass over the file, before root is asked for anything.
 *
 * A bundle in RAUC's verity format is
 *
 *     squashfs | hash tree | signature (CMS, with the manifest in it) | length of the signature (8 bytes, big-endian)
 *
 * and the manifest has the tree's root hash, salt and length. The tree is dm-verity's, version 1: SHA-256 over salt and
 * block, 4096 bytes a block, the highest level first (Documentation/admin-guide/device-mapper/verity.rst). Here it is
 * computed anew and compared, so a fault at any byte is found before a slot is touched; RAUC alone would find it while it
 * writes. Who has signed is not looked at: that is RAUC's, as root.
 */
import { createHash, hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { UmecError } from "../errors.ts";
import type { BundleInfo } from "./types.ts";

const blockBytes = 4096;
const mostSignatureBytes = 65_536;

interface Layout {
  info: { version: string; compatible: string };
  salt: Buffer;
  rootHash: Buffer;
  dataBytes: number;
  treeBytes: number;
}

/** @throws UmecError `UPDATE_REFUSED` when it is no bundle, torn or damaged */
export async function readBundleFile(path: string, signal: AbortSignal): Promise<BundleInfo> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const layout = await readLayout(file, size);
    const whole = createHash("sha256");
    const leaves: Buffer[] = [];
    for await (const blocks of chunks(file, 0, layout.dataBytes, signal)) {
      whole.update(blocks);
      for (let at = 0; at < blocks.length; at += blockBytes)
        leaves.push(blockHash(layout.salt, blocks.subarray(at, at + blockBytes)));
    }
    const rest: Buffer[] = [];
    for await (const bytes of chunks(file, layout.dataBytes, size, signal)) {
      whole.update(bytes);
      rest.push(bytes);
    }
    const { tree, root } = hashTree(leaves, layout.salt);
    if (!root.equals(layout.rootHash) || !tree.equals(Buffer.concat(rest).subarray(0, layout.treeBytes)))
      throw refused("the bundle is damaged: its content is not what its manifest tells");
    return { ...layout.info, sha256: whole.digest("hex"), bytes: size };
  } finally {
    await file.close();
  }
}

async function readLayout(file: FileHandle, size: number): Promise<Layout> {
  const head = await readAt(file, 0, 4);
  if (head.toString("latin1") !== "hsqs") throw refused("this is no bundle: it does not begin as one");
  const length = Number((await readAt(file, size - 8, 8)).readBigUInt64BE());
  if (length > mostSignatureBytes || length + 8 >= size)
    throw refused("the bundle is torn or no bundle: there is no signature at its end");
  const signature = (await readAt(file, size - 8 - length, length)).toString("latin1");
  const value = (name: string, form: string) =>
    new RegExp(`^${name}=(${form})$`, "m").exec(signature.slice(signature.indexOf("[update]")))?.[1];
  const version = value("version", "[0-9A-Za-z.+-]{1,256}");
  const compatible = value("compatible", "[ -~]{1,256}");
  const rootHash = value("verity-hash", "[0-9a-f]{64}");
  const salt = value("verity-salt", "[0-9a-f]{64}");
  const treeBytes = Number(value("verity-size", "\\d{1,12}"));
  const dataBytes = size - 8 - length - treeBytes;
  if (!signature.includes("[update]") || !version || !compatible || !rootHash || !salt)
    throw refused(
      "the bundle is damaged, or not in RAUC's verity format: there is no manifest in its signature",
    );
  if (!(dataBytes > blockBytes) || dataBytes % blockBytes !== 0 || treeBytes % blockBytes !== 0)
    throw refused("the bundle is torn: it is not as long as its manifest tells");
  const info = { version, compatible };
  return {
    info,
    salt: Buffer.from(salt, "hex"),
    rootHash: Buffer.from(rootHash, "hex"),
    dataBytes,
    treeBytes,
  };
}

/** All levels above the data's blocks, the highest first, and the hash of the highest. */
function hashTree(leaves: readonly Buffer[], salt: Buffer): { tree: Buffer; root: Buffer } {
  const levels: Buffer[] = [];
  let hashes = leaves;
  do {
    const level = Buffer.alloc(Math.ceil((hashes.length * 32) / blockBytes) * blockBytes);
    Buffer.concat(hashes).copy(level);
    levels.unshift(level);
    hashes = Array.from({ length: level.length / blockBytes }, (_, index) =>
      blockHash(salt, level.subarray(index * blockBytes, (index + 1) * blockBytes)),
    );
  } while (hashes.length > 1);
  return { tree: Buffer.concat(levels), root: hashes[0] ?? Buffer.alloc(0) };
}

function blockHash(salt: Buffer, block: Buffer): Buffer {
  return hash("sha256", Buffer.concat([salt, block]), "buffer");
}

async function* chunks(
  file: FileHandle,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (let at = from; at < to; at += 1 << 18) {
    signal.throwIfAborted();
    yield await readAt(file, at, Math.min(1 << 18, to - at));
  }
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = at < 0 ? { bytesRead: 0 } : await file.read(bytes, 0, length, at);
  if (bytesRead < length) throw refused("this is no bundle: it is too short");
  return bytes;
}

function refused(reason: string): UmecError {
  return new UmecError("UPDATE_REFUSED", reason, {
    hint: "make it with `make bundle-ota`, and bring it over once more",
  });
}
