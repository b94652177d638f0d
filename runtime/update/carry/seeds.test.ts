import assert from "node:assert/strict";
import { open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import type { BundleIndex } from "../../ota/index-format.ts";
import { noise } from "../../ota/test-bundle.ts";
import { createScratch } from "../../test-scratch.ts";
import { RecordFile } from "./record-file.ts";
import { indexOfPlain, type PlainFetch, plainFetch } from "./test-plain-bundle.ts";

const mib = 2 ** 20;
/** How far a search may be from what is recorded: 8 MiB, and what lies in memory. */
const unrecordedBytes = 9 * mib;
const scratch = createScratch();

/** Parts of the first slot, of the second, and some that neither has. */
let content: Buffer;
let index: BundleIndex;
let seeds: string[];
const slot = noise(24 * mib, 21).fill(0, 20.5 * mib, 21 * mib);
const other = noise(3 * mib, 22);
const own = noise(2 * mib, 23);
before(async () => {
  const dir = await scratch();
  content = Buffer.concat([
    slot.subarray(mib, 3 * mib),
    own.subarray(0, mib),
    slot.subarray(20 * mib, 22 * mib),
    other.subarray(mib, 2 * mib),
    own.subarray(mib),
  ]);
  await writeFile(join(dir, "bundle"), content);
  index = await indexOfPlain(join(dir, "bundle"));
  seeds = [join(dir, "root a"), join(dir, "root b")];
  await writeFile(seeds[0]!, slot);
  await writeFile(seeds[1]!, other);
});

const recordIn = (dir: string): string => join(dir, `${index.bundle.sha256}.record`);
const partIn = (dir: string): string => join(dir, `${index.bundle.sha256}.part`);
const bytesRead = (reads: PlainFetch["reads"]): number => reads.reduce((sum, { bytes }) => sum + bytes, 0);
/** Without the samples that say whether a slot is the one that it was. */
const searches = (reads: PlainFetch["reads"]): PlainFetch["reads"] =>
  reads.filter(({ bytes }) => bytes > 4096);

async function same(path: string | Error): Promise<void> {
  assert.ok(typeof path === "string", String(path));
  assert.ok((await readFile(path)).equals(content), "the file is another");
  assert.deepEqual(await readdir(join(path, "..")), [`${index.bundle.sha256}.raucb`, "last.index"]);
}

/** Ends when it asks for the first chunk: all slots were searched. */
async function searched(dir: string, from = seeds): Promise<PlainFetch> {
  let all = false;
  const fetch = plainFetch({ index, content, dir, seeds: from }, ({ asked }) => {
    all = asked.length === 40;
    return all;
  });
  assert.ok((await fetch.run()) instanceof Error && all);
  return fetch;
}

test("cut at any moment of the search, it goes on where that was recorded", async () => {
  const reads = searches((await searched(await scratch())).reads).length;
  for (let step = 1; step < reads; step += 6) {
    const dir = await scratch();
    const first = plainFetch({ index, content, dir, seeds }, ({ reads }) => reads.length === step);
    assert.ok((await first.run()) instanceof Error);
    const { searched } = await RecordFile.open(recordIn(dir), index);
    const second = plainFetch({ index, content, dir, seeds });
    await same(await second.run());
    for (const path of seeds) {
      const start = searched.get(path)?.bytes ?? 0;
      const again = second.reads.filter((read) => read.path === path);
      const size = path === seeds[0] ? slot.length : other.length;
      assert.equal(bytesRead(searches(again)), size - start, `${path} after ${step} reads`);
      const before = first.reads.filter((read) => read.path === path);
      assert.ok(bytesRead(before) - start < unrecordedBytes, `${bytesRead(before)}, recorded ${start}`);
    }
  }
});

test("cut again and again before it is through, it comes to an end, and reads what it must", async (t) => {
  const dir = await scratch();
  let all = 0;
  let cuts = 0;
  for (; ; cuts++) {
    assert.ok(cuts < 20, "it does not come to an end");
    const most = 10 * mib + cuts * 100_000;
    const fetch = plainFetch(
      { index, content, dir, seeds },
      ({ reads, asked }) => bytesRead(reads) > most || asked.length > 150,
    );
    const done = await fetch.run();
    all += bytesRead(fetch.reads);
    if (typeof done === "string") {
      await same(done);
      break;
    }
  }
  t.diagnostic(`${cuts} cuts, ${(all / mib).toFixed(1)} MiB read of 27`);
  assert.ok(cuts >= 2);
  assert.ok(all < 27 * mib + cuts * unrecordedBytes, `${all}`);
});

test("slots that were searched to their end are known by their samples", async () => {
  const dir = await scratch();
  const first = await searched(dir);
  assert.equal(bytesRead(searches(first.reads)), slot.length + other.length);
  const second = plainFetch({ index, content, dir, seeds });
  await same(await second.run());
  assert.equal(bytesRead(second.reads), 27 * 4096);
  const twice = second.asked.filter((name) => first.asked.includes(name));
  assert.ok(twice.length <= 17, `${twice.length} were asked for again`);
});

test("a slot that was written to since is searched anew, the other one is not", async () => {
  const dir = await scratch();
  const slots = [join(dir, "root a"), seeds[1]!];
  await writeFile(slots[0]!, noise(24 * mib, 29));
  const incoming = join(dir, "in");
  const first = await searched(incoming, slots);
  // What was not there is there now, at another place.
  await writeFile(slots[0]!, Buffer.concat([noise(1000, 30), slot]));
  const second = plainFetch({ index, content, dir: incoming, seeds: slots });
  await same(await second.run());
  const now = searches(second.reads);
  assert.equal(bytesRead(now), slot.length + 1000);
  assert.ok(now.every(({ path }) => path === slots[0]));
  assert.ok(second.asked.length < 350, `${second.asked.length} chunks`);
  assert.ok(first.asked.length > 0);
});

test("a slot that has become longer is searched on, a shorter one anew", async () => {
  for (const [now, bytes] of [
    [Buffer.concat([other, noise(5000, 31)]), 5000],
    [other.subarray(0, mib), mib],
  ] as const) {
    const dir = await scratch();
    const path = join(dir, "root a");
    await writeFile(path, other);
    await searched(join(dir, "in"), [path]);
    await writeFile(path, now);
    const second = plainFetch({ index, content, dir: join(dir, "in"), seeds: [path] });
    await same(await second.run());
    assert.equal(bytesRead(searches(second.reads)), bytes);
  }
});

for (const [what, spoil] of [
  ["torn", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ["empty", () => Buffer.alloc(0)],
  ["noise", (bytes: Buffer) => noise(bytes.length, 32)],
  [
    "changed by one bit",
    (bytes: Buffer) => {
      bytes[bytes.length >> 1]! ^= 1;
      return bytes;
    },
  ],
] as const) {
  test(`a record that is ${what} is none: slots are searched anew, and the part is read`, async () => {
    const dir = await scratch();
    const first = await searched(dir);
    await writeFile(recordIn(dir), spoil(await readFile(recordIn(dir))));
    const second = plainFetch({ index, content, dir, seeds });
    await same(await second.run());
    assert.equal(bytesRead(searches(second.reads)), slot.length + other.length);
    const twice = second.asked.filter((name) => first.asked.includes(name));
    assert.ok(twice.length <= 17, `${twice.length} were asked for again`);
  });
}

test("a record of a part that is gone is none", async () => {
  const dir = await scratch();
  await searched(dir);
  await rm(partIn(dir));
  const second = plainFetch({ index, content, dir, seeds });
  await same(await second.run());
  assert.equal(bytesRead(searches(second.reads)), slot.length + other.length);
});

test("what is recorded and was damaged is found in the end, and costs its chunks", async () => {
  const dir = await scratch();
  const first = await searched(dir);
  const { chunks } = await RecordFile.open(recordIn(dir), index);
  const lost = index.chunks.findIndex((_, at) => chunks!.has(at));
  await using part = await open(partIn(dir), "r+");
  await part.write(Buffer.alloc(100_000), 0, 100_000, index.chunks[lost]!.offset);
  const second = plainFetch({ index, content, dir, seeds });
  await same(await second.run());
  const twice = second.asked.filter((name) => first.asked.includes(name));
  const damaged = index.chunks.filter(
    ({ offset }, at) => at >= lost && offset < index.chunks[lost]!.offset + 100_000,
  );
  assert.ok(twice.length <= 17);
  assert.deepEqual(
    second.asked.slice(-damaged.length),
    damaged.map(({ name }) => name),
  );
});

test("when nothing is missing any more, no slot is read on", async () => {
  const dir = await scratch();
  const [end, path] = [join(dir, "end"), join(dir, "root a")];
  // It is cut where the file ends, and elsewhere only by chance.
  await writeFile(end, content.subarray(index.chunks.at(-1)!.offset));
  await writeFile(path, Buffer.concat([content, slot]));
  const fetch = plainFetch({ index, content, dir: join(dir, "in"), seeds: [end, path, ...seeds] });
  await same(await fetch.run());
  assert.ok(bytesRead(fetch.reads) < content.length + mib, `${bytesRead(fetch.reads)}`);
  assert.ok(fetch.reads.every((read) => read.path === path || read.path === end));
  assert.deepEqual(fetch.asked, []);
});
