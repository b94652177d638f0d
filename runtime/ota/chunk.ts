/**
 * A chunk as it is stored and sent: one byte that says how, 0 for plain or 1 for a zstd frame, and the bytes. Its name is
 * the first 16 bytes of its content's SHA-256, in hexadecimal: what has a name is never changed, so bundles share chunks.
 */
import { hash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { UmecError } from "../errors.ts";
import { chunkSizes } from "./chunker.ts";

const plain = 0;
const zstd = 1;
const level = 12;

/** Where it lies in the file, too, the file's first byte being 0. */
export interface ChunkRef {
  /** 32 lower-case hexadecimal digits. */
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

export const chunkNameSyntax = /^[0-9a-f]{32}$/;

export function chunkName(content: Uint8Array): string {
  return hash("sha256", content, "hex").slice(0, 32);
}

export function encodeChunk(content: Uint8Array): Buffer {
  const packed = zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: level } });
  // Most are parts of something compressed, and only the few bytes of a frame longer by it.
  if (packed.length < content.length * 0.95) return Buffer.concat([Buffer.of(zstd), packed]);
  return Buffer.concat([Buffer.of(plain), content]);
}

/**
 * The content of an encoded chunk, when it is what its name says.
 *
 * @throws UmecError `OTA_CHUNK_DAMAGED`
 */
export function decodeChunk(
  encoded: Uint8Array,
  { name, bytes }: Pick<ChunkRef, "name" | "bytes">,
): Uint8Array {
  const content = unpack(encoded, bytes);
  if (content?.length === bytes && chunkName(content) === name) return content;
  throw new UmecError("OTA_CHUNK_DAMAGED", `what came as chunk ${name} (${bytes} bytes) is something else`, {
    hint: "was it changed at the hub? umec ota push the bundle again",
  });
}

function unpack(encoded: Uint8Array, bytes: number): Uint8Array | undefined {
  const body = encoded.subarray(1);
  if (encoded[0] === plain) return body;
  if (encoded[0] !== zstd || bytes > chunkSizes.maxBytes) return undefined;
  try {
    return zstdDecompressSync(body, { maxOutputLength: bytes });
  } catch {
    return undefined;
  }
}
