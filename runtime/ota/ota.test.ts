import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { createScratch } from "../test-scratch.ts";
import { findTrees } from "./find-trees.ts";
import type { TreeRange } from "./index-format.ts";
import { readBundleInfo, readManifest } from "./raucb.ts";
import { makeTestBundle, noise, type TestBundle } from "./test-bundle.ts";

const scratch = createScratch();
const signal = new AbortController().signal;
let bundle: TestBundle;
before(async () => {
  const dir = await scratch();
  bundle = await makeTestBundle({
    dir,
    version: "1.4.0-rc.1",
    root: { "a.js": noise(1_500_000, 1), "b.js": noise(700_000, 2) },
    boot: noise(400_000, 3),
  });
});

test("a bundle that RAUC made says what it is, without RAUC", async () => {
  const bytes = await readFile(bundle.path);
  assert.deepEqual(bundle.info, {
    version: "1.4.0-rc.1",
    compatible: "umec-virt",
    sha256: createHash("sha256").update(bytes).digest("hex"),
    bytes: bytes.length,
  });
});

test("both hash trees of a bundle are found, by their very bytes", async () => {
  await using file = await open(bundle.path, "r");
  const trees = await findTrees(file, await readManifest(bundle.path), signal);
  assert.equal(trees.length, 2);
  const [inner, outer] = trees as [TreeRange, TreeRange];
  const root = await readFile(bundle.rootImage);
  const whole = await readFile(bundle.path);
  assert.equal(whole.indexOf(root), inner.offset);
  assert.equal(inner.dataBytes + inner.bytes, root.length);
  assert.equal(outer.offset, 0);
  assert.equal(outer.at, outer.dataBytes);
});

test("a tree that was changed by one bit is none", async () => {
  await using file = await open(bundle.path, "r");
  const manifest = await readManifest(bundle.path);
  const [inner] = await findTrees(file, manifest, signal);
  const bytes = await readFile(bundle.path);
  bytes[inner!.at + 40]! ^= 1;
  const path = join(await scratch(), "changed.raucb");
  await writeFile(path, bytes);
  await using changed = await open(path, "r");
  assert.deepEqual(await findTrees(changed, manifest, signal), []);
});

for (const [what, change, reason] of [
  ["that was cut off", (bytes: Buffer) => bytes.subarray(0, -3), /length of a signature|manifest/],
  ["of eight bytes", (bytes: Buffer) => bytes.subarray(0, 8), /length of a signature/],
  ["of nothing", () => Buffer.alloc(0), /too short/],
  [
    "whose signature is noise",
    (bytes: Buffer) => Buffer.concat([noise(4096, 9), bytes.subarray(-8)]),
    /manifest/,
  ],
] as const) {
  test(`a file ${what} is refused with the reason`, async () => {
    const path = join(await scratch(), "bad.raucb");
    await writeFile(path, change(await readFile(bundle.path)));
    await assert.rejects(readBundleInfo(path), { code: "OTA_NO_BUNDLE", message: reason });
  });
}
