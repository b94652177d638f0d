import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { createScratch } from "../test-scratch.ts";
import type { BundleInfo } from "../update/types.ts";
import { chunkName, decodeChunk, encodeChunk } from "./chunk.ts";
import { chunkSizes, createCutter } from "./chunker.ts";
import { type BundleIndex, decodeIndex, encodeIndex, parseHead } from "./index-format.ts";
import { readChunks } from "./read-chunks.ts";
import { noise } from "./test-bundle.ts";
import { treeBytes } from "./verity-tree.ts";

const scratch = createScratch();
const { signal } = new AbortController();

async function cut(bytes: Uint8Array, start = 0): Promise<{ name: string; offset: number; bytes: number }[]> {
  const path = join(await scratch(), "file");
  await writeFile(path, bytes);
  await using file = await open(path, "r");
  const chunks = [];
  for await (const { offset, content } of readChunks(file, start, bytes.length, signal))
    chunks.push({ name: chunkName(content), offset, bytes: content.length });
  return chunks;
}

test("chunks make up the file, are of the lengths that were promised, and are those of the format", async () => {
  const bytes = noise(2_000_000, 7);
  const chunks = await cut(bytes);
  let at = 0;
  for (const { offset, bytes: length } of chunks) {
    assert.equal(offset, at);
    assert.ok(length <= chunkSizes.maxBytes);
    at += length;
  }
  assert.equal(at, bytes.length);
  assert.ok(chunks.slice(0, -1).every(({ bytes: length }) => length > chunkSizes.minBytes));
  const average = bytes.length / chunks.length;
  assert.ok(average > 0.7 * chunkSizes.averageBytes && average < 1.5 * chunkSizes.averageBytes, `${average}`);
  // Who changes where cuts lie changes the format: then no node finds its slots in an index of before.
  const lengths = createHash("sha256")
    .update(chunks.map(({ bytes: length }) => length).join())
    .digest("hex");
  assert.equal(lengths, "c6aaa57344bf40ca29dc6f45c7dda88e1adb1a0af33ce3563996354bfb932f74");
});

test("what is inserted changes the chunks around it, and no other", async () => {
  const bytes = noise(2_000_000, 8);
  const longer = Buffer.concat([bytes.subarray(0, 999_999), noise(77, 9), bytes.subarray(999_999)]);
  const [before, after] = [await cut(bytes), await cut(longer)];
  const known = new Set(before.map(({ name }) => name));
  const fresh = after.filter(({ name }) => !known.has(name));
  assert.ok(fresh.length >= 1 && fresh.length <= 4, `${fresh.length} of ${after.length} chunks are new`);
});

test("a long run of one byte is cut into chunks of the greatest length, which are one chunk to whoever keeps them", async () => {
  const chunks = await cut(Buffer.alloc(10 * chunkSizes.maxBytes));
  assert.equal(new Set(chunks.map(({ name }) => name)).size, 1);
});

test("zeros, which are not looked through, are cut as others are", async () => {
  const zeros = Buffer.alloc(3 * chunkSizes.maxBytes + 777);
  const bytes = Buffer.concat([noise(100_000, 3), zeros, noise(50_000, 4), zeros]);
  const cutter = createCutter();
  const lengths = [];
  for (let at = 0; at < bytes.length; at += lengths.at(-1)!) lengths.push(cutter(bytes, at, bytes.length));
  const chunks = await cut(bytes);
  assert.deepEqual(
    chunks.map(({ bytes: length }) => length),
    lengths,
  );
});

for (const [what, content] of [
  ["that can be compressed", Buffer.alloc(30_000, "abc")],
  ["that can't", noise(30_000, 1)],
  ["of one byte", Buffer.of(7)],
] as const) {
  test(`a chunk ${what} comes back as it was, and no other is taken for it`, () => {
    const ref = { name: chunkName(content), bytes: content.length };
    const encoded = encodeChunk(content);
    assert.ok(encoded.length <= content.length + 1);
    assert.ok(Buffer.from(decodeChunk(encoded, ref)).equals(content));
    for (const bad of [
      Buffer.alloc(0),
      encoded.subarray(0, -1),
      Buffer.concat([Buffer.of(2), encoded.subarray(1)]),
      encodeChunk(noise(content.length, 99)),
      Buffer.concat([Buffer.of(1), zstdCompressSync(Buffer.alloc(100_000_000))]),
    ]) {
      assert.throws(() => decodeChunk(bad, ref), { code: "OTA_CHUNK_DAMAGED" });
    }
  });
}

const bundle: BundleInfo = {
  version: "1.0.0",
  compatible: "umec-virt",
  sha256: "ab".repeat(32),
  bytes: 20_480 + treeBytes(16_384) + 3,
};
const refs = [
  [0, 20_000],
  [20_000, 480],
  [20_480 + treeBytes(16_384), 3],
].map(([offset, bytes]) => ({ name: chunkName(Buffer.from(`${offset}`)), offset: offset!, bytes: bytes! }));
const index: BundleIndex = {
  bundle,
  chunks: refs,
  trees: [{ at: 20_480, bytes: treeBytes(16_384), offset: 4096, dataBytes: 16_384, salt: "00ff" }],
};

test("an index comes back as it was", () => {
  const { head, pieces } = encodeIndex(index);
  const read = parseHead(Buffer.from(JSON.stringify(head)));
  assert.deepEqual(read, head);
  assert.deepEqual(decodeIndex(read.bundle, Buffer.concat(pieces)), index);
});

test("an index of many chunks goes in pieces that are chunks like any other", () => {
  const chunks = Array.from({ length: 5000 }, (_, i) => ({
    name: chunkName(Buffer.from(`${i}`)),
    offset: i * 1000,
    bytes: 1000,
  }));
  const many = { bundle: { ...bundle, bytes: 5_000_000 }, chunks, trees: [] };
  const { head, pieces } = encodeIndex(many);
  assert.ok(pieces.length > 1 && pieces.every(({ length }) => length <= chunkSizes.maxBytes));
  assert.deepEqual(decodeIndex(head.bundle, Buffer.concat(pieces)), many);
});

for (const [what, change] of [
  ["that ends too early", (body: Buffer) => body.subarray(0, -19)],
  ["that goes on", (body: Buffer) => Buffer.concat([body, Buffer.alloc(19)])],
  ["of nothing", () => Buffer.alloc(0)],
  ["whose tree lies over what comes later", (body: Buffer) => swap(body, '"offset":4096', '"offset":8192')],
  [
    "whose tree is over no whole blocks",
    (body: Buffer) => swap(body, '"dataBytes":16384', '"dataBytes":16385'),
  ],
  ["whose salt is none", (body: Buffer) => swap(body, '"00ff"', '"00fg"')],
] as const) {
  test(`an index ${what} is refused`, () => {
    const body = Buffer.concat(encodeIndex(index).pieces);
    assert.throws(() => decodeIndex(bundle, change(body)), { code: "OTA_INDEX_INVALID" });
  });
}

test("an index that makes up another length than the bundle's is refused", () => {
  const body = Buffer.concat(encodeIndex(index).pieces);
  const other = { ...bundle, bytes: bundle.bytes + 1 };
  assert.throws(() => decodeIndex(other, body), { code: "OTA_INDEX_INVALID" });
});

for (const [what, change] of [
  ["of another format", { format: 2 }],
  ["without a list", { body: undefined }],
  ["with pieces that are none", { body: [["x", 1]] }],
  ["of a bundle that is too large", { bundle: { ...bundle, bytes: 2 ** 40 } }],
] as const) {
  test(`a head ${what} is refused`, () => {
    const head = { ...encodeIndex(index).head, ...change };
    assert.throws(() => parseHead(Buffer.from(JSON.stringify(head))), { code: "OTA_INDEX_INVALID" });
  });
}

function swap(body: Buffer, from: string, to: string): Buffer {
  return Buffer.from(body.toString("latin1").replace(from, to), "latin1");
}
