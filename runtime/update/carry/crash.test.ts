import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { chunkName } from "../../ota/chunk.ts";
import { findTrees } from "../../ota/find-trees.ts";
import type { BundleIndex } from "../../ota/index-format.ts";
import { readManifest } from "../../ota/raucb.ts";
import { readChunks } from "../../ota/read-chunks.ts";
import { makeTestBundle, noise, type TestBundle } from "../../ota/test-bundle.ts";
import { createScratch } from "../../test-scratch.ts";

const scratch = createScratch();
const kills = 30;
/** Requests that may be in flight. */
const mostAtOnce = 16;

async function indexOf({ path, info }: TestBundle): Promise<BundleIndex> {
  const { signal } = new AbortController();
  await using file = await open(path, "r");
  const trees = await findTrees(file, await readManifest(path), signal);
  const chunks = [];
  let from = 0;
  for (const { at, bytes } of [...trees, { at: info.bytes, bytes: 0 }]) {
    for await (const { offset, content } of readChunks(file, from, at, signal))
      chunks.push({ name: chunkName(content), offset, bytes: content.length });
    from = at + bytes;
  }
  return { bundle: info, chunks, trees };
}

test(`killed ${kills} times, a fetch completes, and never asks again for what was there`, async (t) => {
  const dir = await scratch();
  const root = { "a.so": noise(5_000_000, 11) };
  const bundle = await makeTestBundle({ dir, version: "2.0.0", root, boot: noise(300_000, 12) });
  const index = await indexOf(bundle);
  const indexPath = join(dir, "index.json");
  await writeFile(indexPath, JSON.stringify(index));
  const journal = join(dir, "journal");
  await writeFile(journal, "");
  const lines = async () => (await readFile(journal, "utf8")).split("\n").filter(Boolean);
  const victim = join(import.meta.dirname, "test-victim.ts");
  const args = [victim, bundle.path, indexPath, join(dir, "in"), journal];
  const start = (asks: number) =>
    spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args, String(asks)]);

  let killed = 0;
  for (;;) {
    // At a moment of its own each time.
    const asks = killed < kills ? 1 + ((killed * 5) % 9) : 1e9;
    const child = start(asks);
    let said = "";
    child.stderr.on("data", (data: Buffer) => {
      said += data.toString();
    });
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    assert.ok(code === 0 || signal === "SIGKILL", said);
    if (code === 0) break;
    killed++;
  }
  const asked = await lines();
  const again = asked.length - new Set(asked).size;
  t.diagnostic(`${killed} kills, ${new Set(asked).size} chunks, ${again} asked for again`);
  assert.ok(killed === kills, `${killed} kills`);
  assert.ok(again <= killed * mostAtOnce, `${again} chunks were asked for again`);
  const whole = join(dir, "in", `${bundle.info.sha256}.raucb`);
  assert.ok((await readFile(whole)).equals(await readFile(bundle.path)));
});
