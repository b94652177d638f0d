/**
 * The index of a bundle: of what its file is made, in order.
 *
 *   head     JSON, the message `ota.index.<sha256 of the bundle>`: `{format, bundle, body: [[name, bytes], …]}`
 *   body     in pieces that are chunks like any other, cut by content too: most of them the index of the bundle before has
 *            as well, and a node that kept that need not fetch them. One line of JSON, `{segments: […]}`, then
 *            19 bytes for each chunk: its name (16 bytes) and its length (3 bytes, big endian)
 *
 * A segment is `{chunks: <count>}`, the next so many of them, or `{verity: {offset, dataBytes, salt}}`: a hash tree that
 * the node computes from what lies before (verity-tree.ts). `format` also stands for the cutting (chunker.ts): a node that
 * does not know it does not fetch.
 */
import { UmecError } from "../errors.ts";
import type { BundleInfo } from "../update/types.ts";
import { type ChunkRef, chunkName, chunkNameSyntax } from "./chunk.ts";
import { chunkSizes, createCutter, indexSizes } from "./chunker.ts";
import { blockBytes, treeBytes } from "./verity-tree.ts";

export const indexFormat = 1;
/** No update of a small board is as large; it bounds what a damaged index can ask for. */
export const mostBundleBytes = 2 ** 30;
export const bundleSha256Syntax = /^[0-9a-f]{64}$/;

const entryBytes = 19;
const nameBytes = 16;

export interface TreeRange {
  /** Where the tree lies in the file. */
  readonly at: number;
  readonly bytes: number;
  /** Of the data under it. */
  readonly offset: number;
  readonly dataBytes: number;
  /** Hexadecimal. */
  readonly salt: string;
}

export interface BundleIndex {
  readonly bundle: BundleInfo;
  readonly chunks: readonly ChunkRef[];
  /** By where they lie: one may be part of the next one's data. */
  readonly trees: readonly TreeRange[];
}

export interface IndexHead {
  readonly format: number;
  readonly bundle: BundleInfo;
  readonly body: readonly (readonly [name: string, bytes: number])[];
}

type Segment = { chunks: number } | { verity: { offset: number; dataBytes: number; salt: string } };

export function encodeIndex({ bundle, chunks, trees }: BundleIndex): { head: IndexHead; pieces: Buffer[] } {
  const segments: Segment[] = [];
  let next = 0;
  for (const { at, offset, dataBytes, salt } of trees) {
    const from = next;
    while (next < chunks.length && chunks[next]!.offset < at) next++;
    if (next > from) segments.push({ chunks: next - from });
    segments.push({ verity: { offset, dataBytes, salt } });
  }
  if (next < chunks.length) segments.push({ chunks: chunks.length - next });
  const entries = Buffer.alloc(chunks.length * entryBytes);
  chunks.forEach(({ name, bytes }, index) => {
    entries.write(name, index * entryBytes, "hex");
    entries.writeUIntBE(bytes, index * entryBytes + nameBytes, entryBytes - nameBytes);
  });
  const body = Buffer.concat([Buffer.from(`${JSON.stringify({ segments })}\n`), entries]);
  const pieces = cutIndex(body);
  const names = pieces.map((piece) => [chunkName(piece), piece.length] as const);
  return { head: { format: indexFormat, bundle, body: names }, pieces };
}

/** A body's pieces. */
export function cutIndex(body: Buffer): Buffer[] {
  const cut = createCutter(indexSizes);
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const length = cut(body, at, body.length);
    pieces.push(body.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** @throws UmecError `OTA_INDEX_INVALID` */
export function parseHead(bytes: Uint8Array): IndexHead {
  const head = parseJson(bytes) as Partial<IndexHead> | null;
  if (head?.format !== indexFormat)
    throw invalid(`its format is ${head?.format}, and this version reads ${indexFormat}`);
  const { bundle, body } = head;
  const { version, compatible, sha256, bytes: size } = (bundle ?? {}) as Partial<BundleInfo>;
  if (typeof version !== "string" || typeof compatible !== "string") throw invalid("it has no version");
  if (typeof sha256 !== "string" || !bundleSha256Syntax.test(sha256)) throw invalid("it has no checksum");
  if (!isCount(size) || size > mostBundleBytes) throw invalid(`it is of ${size} bytes`);
  const good = (piece: unknown) =>
    Array.isArray(piece) &&
    chunkNameSyntax.test(piece[0]) &&
    isCount(piece[1]) &&
    piece[1] <= indexSizes.maxBytes;
  if (!Array.isArray(body) || !body.every(good)) throw invalid("its list of pieces is none");
  return { format: indexFormat, bundle: { version, compatible, sha256, bytes: size }, body };
}

/**
 * Checks that the chunks and trees make up the file without a hole.
 *
 * @throws UmecError `OTA_INDEX_INVALID`
 */
export function decodeIndex(bundle: BundleInfo, body: Uint8Array): BundleIndex {
  const line = body.indexOf(10);
  const { segments } = (parseJson(body.subarray(0, Math.max(0, line))) ?? {}) as { segments?: Segment[] };
  if (!Array.isArray(segments)) throw invalid("it has no segments");
  const entries = Buffer.from(body.buffer, body.byteOffset + line + 1, body.length - line - 1);
  const chunks: ChunkRef[] = [];
  const trees: TreeRange[] = [];
  let at = 0;
  let entry = 0;
  for (const segment of segments) {
    if ("verity" in segment) {
      const tree = treeAt(at, segment.verity);
      trees.push(tree);
      at += tree.bytes;
      continue;
    }
    for (let i = 0; i < segment.chunks; i++, entry += entryBytes) {
      if (entry + entryBytes > entries.length) throw invalid("it ends too early");
      const name = entries.toString("hex", entry, entry + nameBytes);
      const bytes = entries.readUIntBE(entry + nameBytes, entryBytes - nameBytes);
      if (bytes === 0 || bytes > chunkSizes.maxBytes) throw invalid(`a chunk has ${bytes} bytes`);
      chunks.push({ name, offset: at, bytes });
      at += bytes;
    }
  }
  if (entry !== entries.length) throw invalid("it goes on behind its last segment");
  if (at !== bundle.bytes) throw invalid(`it makes up ${at} bytes of ${bundle.bytes}`);
  return { bundle, chunks, trees };
}

function treeAt(at: number, verity: { offset?: unknown; dataBytes?: unknown; salt?: unknown }): TreeRange {
  const { offset, dataBytes, salt } = verity;
  const fits =
    isCount(offset) &&
    isCount(dataBytes) &&
    dataBytes >= 2 * blockBytes &&
    dataBytes % blockBytes === 0 &&
    offset + dataBytes <= at &&
    typeof salt === "string" &&
    /^(?:[0-9a-f]{2}){0,256}$/.test(salt);
  if (!fits) throw invalid("a hash tree in it can't be computed");
  return { at, bytes: treeBytes(dataBytes), offset, dataBytes, salt };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw invalid("it is no JSON");
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalid(reason: string): UmecError {
  return new UmecError("OTA_INDEX_INVALID", `the index of a bundle can't be used: ${reason}`, {
    hint: "umec ota push the bundle again, by the version of umec that the nodes have",
  });
}
