/**
 * The image that is written: a file as it is, or compressed by zstd (told by its first bytes, not by its name), and what
 * lies beside it. For `umec.img.zst` these are looked for, the first that is there is taken:
 *
 * - block map: `umec.img.zst.bmap`, `umec.img.bmap`, `umec.bmap`
 * - checksum: `umec.img.zst.sha256`, `umec.img.sha256`, `umec.sha256`. A checksum of the file itself is checked before
 *   anything is written; where there is only one of what it holds, that is checked while it is written.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { messageOf, UmecError } from "../errors.ts";
import { type BlockMap, parseBlockMap } from "./bmap.ts";
import { parseChecksums } from "./checksum-file.ts";
import { readZstdFrame, zstdFrameHeaderBytes } from "./zstd-frame.ts";

const chunkBytes = 2 ** 20;

export interface Image {
  readonly path: string;
  /** Of what it holds; missing when only reading to its end tells. */
  readonly bytes?: number;
  readonly blockMap?: BlockMap;
  /** Of all that it holds, where that is still to be checked. */
  readonly sha256?: string;
  /**
   * What it holds, from the beginning.
   *
   * @throws UmecError `FLASH_IMAGE_DAMAGED` while reading
   */
  content(): AsyncIterable<Uint8Array>;
}

export interface ImageOptions {
  /** Whether a block map beside it is used. @default true */
  bmap?: boolean;
  /** Called while its checksum is checked, with bytes. @default none */
  onProgress?: (done: number, all: number) => void;
  signal: AbortSignal;
}

/** @throws UmecError `FLASH_IMAGE_MISSING`, `FLASH_IMAGE_DAMAGED`, `FLASH_BMAP` */
export async function openImage(path: string, options: ImageOptions): Promise<Image> {
  const { bmap = true } = options;
  const fileBytes = await sizeOf(path);
  const frame = readZstdFrame(await firstBytes(path));
  const names = namesOf(path);
  const blockMap = bmap ? await readBlockMap(names) : undefined;
  const checksums = await readChecksums(names, path);
  if (checksums?.file !== undefined) await checkFile(path, fileBytes, checksums.file, options);
  const bytes = frame ? (blockMap?.imageBytes ?? frame.contentBytes) : fileBytes;
  if (bytes !== undefined && blockMap && blockMap.imageBytes !== bytes) {
    throw new UmecError(
      "FLASH_BMAP",
      `the block map is for an image of ${blockMap.imageBytes} bytes, and ${path} has ${bytes}`,
      { hint: "fetch both again, or go without it: --no-bmap" },
    );
  }
  return {
    path,
    ...(bytes !== undefined && { bytes }),
    ...(blockMap && { blockMap }),
    ...(checksums?.content !== undefined && { sha256: checksums.content }),
    content: () => (frame ? unpack(path) : createReadStream(path, { highWaterMark: chunkBytes })),
  };
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() && found.size > 0) return found.size;
  let what = "is empty";
  if (!found) what = "is not there";
  else if (!found.isFile()) what = "is no file";
  throw new UmecError("FLASH_IMAGE_MISSING", `the image ${path} ${what}`, {
    hint: "name the image first and the disk behind it: umec flash umec.img.zst /dev/sdX",
  });
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const handle = await open(path);
  try {
    const bytes = Buffer.alloc(zstdFrameHeaderBytes);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function* unpack(path: string): AsyncGenerator<Uint8Array> {
  const source = createReadStream(path, { highWaterMark: chunkBytes });
  const content = pipeline(source, createZstdDecompress({ chunkSize: chunkBytes }), () => undefined);
  try {
    yield* content;
  } catch (cause) {
    throw damaged(path, `it can't be unpacked: ${messageOf(cause)}`, cause);
  }
}

/** The names of what lies beside an image, without their ends. */
function namesOf(path: string): string[] {
  const image = path.replace(/\.zst$/, "");
  return [...new Set([path, image, image.replace(/\.(img|raw|bin)$/, "")])];
}

async function readBeside(names: readonly string[], end: string) {
  for (const name of names) {
    const path = `${name}.${end}`;
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text !== undefined) return { path, owner: name, text };
  }
  return undefined;
}

async function readBlockMap(names: readonly string[]): Promise<BlockMap | undefined> {
  const found = await readBeside(names, "bmap");
  return found && parseBlockMap(found.text, found.path);
}

async function readChecksums(names: readonly string[], path: string) {
  const found = await readBeside(names, "sha256");
  if (!found) return undefined;
  const checksums = parseChecksums(found.text, basename(found.owner));
  const file = checksums?.of(basename(path));
  const content = checksums?.of(basename(path).replace(/\.zst$/, ""));
  if (file !== undefined) return { file };
  if (content !== undefined) return { content };
  throw new UmecError("FLASH_CHECKSUM", `${found.path} has no checksum of ${basename(path)}`, {
    hint: `write one: sha256sum ${basename(path)} > ${basename(path)}.sha256, or remove that file`,
  });
}

async function checkFile(
  path: string,
  bytes: number,
  sha256: string,
  { onProgress, signal }: ImageOptions,
): Promise<void> {
  const hash = createHash("sha256");
  let done = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes, signal })) {
    hash.update(chunk as Buffer);
    done += (chunk as Buffer).length;
    onProgress?.(done, bytes);
  }
  if (hash.digest("hex") !== sha256) throw damaged(path, "its SHA-256 is not the one that lies beside it");
}

/** An error about an image that is not what it should be. */
export function damaged(path: string, reason: string, cause?: unknown): UmecError {
  return new UmecError("FLASH_IMAGE_DAMAGED", `the image ${path} is damaged: ${reason}`, {
    ...(cause !== undefined && { cause }),
    hint: "fetch it again",
  });
}
