import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { chunkName } from "../../ota/chunk.ts";
import { findTrees } from "../../ota/find-trees.ts";
import type { BundleIndex } from "../../ota/index-format.ts";
import { readManifest } from "../../ota/raucb.ts";
import { makeTestBundle, noise, type TestBundle } from "../../ota/test-bundle.ts";
import { createScratch } from "../../test-scratch.ts";
import { carryFiles } from "./files.ts";
import { RecordFile } from "./record-file.ts";
import { cutBundle, indexOfPlain } from "./test-plain-bundle.ts";
import type { VictimTask } from "./test-victim.ts";

const scratch = createScratch();
const kills = 30;
/** Requests that may be in flight. */
const mostAtOnce = 16;

async function indexOf({ path, info }: TestBundle): Promise<BundleIndex> {
  await using file = await open(path, "r");
  const trees = await findTrees(file, await readManifest(path), new AbortController().signal);
  return cutBundle(path, info, trees);
}

/** @returns whether it came to its end, and did not kill itself */
async function run(task: VictimTask): Promise<boolean> {
  const victim = join(import.meta.dirname, "test-victim.ts");
  const args = ["--disable-warning=ExperimentalWarning", victim, JSON.stringify(task)];
  const child = spawn(process.execPath, args);
  let said = "";
  child.stderr.on("data", (data: Buffer) => {
    said += data.toString();
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  assert.ok(code === 0 || signal === "SIGKILL", said);
  return code === 0;
}

const linesOf = async (path: string) => (await readFile(path, "utf8")).split("\n").filter(Boolean);

test(`killed ${kills} times, a fetch completes, and never asks again for what was there`, async (t) => {
  const dir = await scratch();
  const root = { "a.so": noise(5_000_000, 11) };
  const bundle = await makeTestBundle({ dir, version: "2.0.0", root, boot: noise(300_000, 12) });
  const index = await indexOf(bundle);
  const indexPath = join(dir, "index.json");
  await writeFile(indexPath, JSON.stringify(index));
  const journal = join(dir, "journal");
  await writeFile(journal, "");
  const task = { bundle: bundle.path, index: indexPath, dir: join(dir, "in"), journal, seeds: [] };
  let killed = 0;
  // At a moment of its own each time.
  while (!(await run({ ...task, asks: killed < kills ? 1 + ((killed * 5) % 9) : 1e9 }))) killed++;
  const asked = await linesOf(journal);
  const again = asked.length - new Set(asked).size;
  t.diagnostic(`${killed} kills, ${new Set(asked).size} chunks, ${again} asked for again`);
  assert.ok(killed === kills, `${killed} kills`);
  assert.ok(again <= killed * mostAtOnce, `${again} chunks were asked for again`);
  const whole = join(dir, "in", `${bundle.info.sha256}.raucb`);
  assert.ok((await readFile(whole)).equals(await readFile(bundle.path)));
});

/** Another file is in its place, as if what was not synced had never been written. */
async function losePower(part: string, disk: string): Promise<void> {
  await rm(part, { force: true });
  await copyFile(disk, part).catch(() => undefined);
}

test("when the power is cut, all that is recorded was on the disk, and slots are searched on from there", async (t) => {
  const dir = await scratch();
  const mib = 2 ** 20;
  const slot = noise(24 * mib, 13);
  const content = Buffer.concat([
    slot.subarray(mib, 5 * mib),
    noise(8 * mib, 14),
    slot.subarray(18 * mib, 22 * mib),
  ]);
  const paths = {
    bundle: join(dir, "bundle"),
    index: join(dir, "index.json"),
    journal: join(dir, "journal"),
  };
  const seed = join(dir, "slot");
  await writeFile(paths.bundle, content);
  await writeFile(seed, slot);
  const index = await indexOfPlain(paths.bundle);
  await writeFile(paths.index, JSON.stringify(index));
  await writeFile(paths.journal, "");
  const files = carryFiles(join(dir, "in"), index.bundle.sha256);
  const disk = join(dir, "disk");
  const task = { ...paths, dir: files.dir, seeds: [seed], disk };
  let killed = 0;
  for (; ; killed++) {
    // While it searches after 9 MiB and more, while it fetches after 1 MiB and more.
    if (await run({ ...task, reads: 19 + killed, asks: 160 + ((31 * killed) % 90) })) break;
    await losePower(files.part, disk);
    const { chunks } = await RecordFile.open(files.record, index);
    const part = await readFile(files.part).catch(() => Buffer.alloc(0));
    index.chunks.forEach(({ offset, bytes, name }, at) => {
      if (chunks?.has(at)) assert.equal(chunkName(part.subarray(offset, offset + bytes)), name);
    });
  }
  assert.ok((await readFile(files.whole)).equals(content));
  const lines = await linesOf(paths.journal);
  const read = lines.filter((line) => line.startsWith("slot ")).map((line) => Number(line.slice(5)));
  const bytes = read.reduce((sum, one) => sum + one, 0);
  const asked = lines.filter((line) => !line.startsWith("slot "));
  const again = asked.length - new Set(asked).size;
  t.diagnostic(`${killed} cuts, ${(bytes / mib).toFixed(1)} MiB read of 24, ${again} chunks asked for again`);
  assert.ok(killed >= 5, `${killed} cuts`);
  assert.ok(bytes < slot.length + 4 * 2 * mib, `${bytes} bytes read`);
  // What slots have is not asked for, and what is asked for again is at most what is not synced yet.
  assert.ok(new Set(asked).size < 1250, `${new Set(asked).size} chunks`);
  assert.ok(again <= killed * (160 + mostAtOnce), `${again}`);
});
