import assert from "node:assert/strict";
import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Clock } from "../clock.ts";
import { writeSynced } from "../durable-file.ts";
import { silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import { Spool, type SpoolOptions } from "./spool.ts";
import type { LostObject } from "./types.ts";

const scratch = createScratch();
const clock: Clock = { nowMs: () => 1_800_000_000_000, monotonicMs: () => 1000, known: () => true };

async function place(options: Partial<SpoolOptions> = {}) {
  const dir = join(await scratch(), "objects");
  const lost: LostObject[] = [];
  const open = (): Promise<Spool> =>
    Spool.open({
      dir,
      quotaBytes: 2 ** 20,
      clock,
      bootId: "boot",
      log: silentLog,
      onLost: (one) => lost.push(one),
      ...options,
    });
  return { dir, lost, open };
}

function picture(name: string, bytes = 1000) {
  return { name, contentType: "image/jpeg", body: Buffer.alloc(bytes, name) };
}

async function bodyOf(spool: Spool): Promise<Buffer> {
  const pieces = [];
  for await (const piece of spool.pieces(spool.oldest()!, 300)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test("what was kept is there after a restart, whole, in order, for its owner alone", async () => {
  const { dir, open } = await place();
  const spool = await open();
  await spool.put("cam", picture("a.jpg"));
  await spool.put("cam", { ...picture("b.jpg"), timeMs: 1_700_000_000_000 });
  const again = await open();
  const first = again.oldest()!;
  assert.deepEqual([first.plugin, first.name, first.size], ["cam", "a.jpg", 1000]);
  assert.deepEqual(first.time, { unixMs: 1_800_000_000_000 });
  assert.ok(await again.isWhole(first));
  assert.deepEqual(await bodyOf(again), Buffer.alloc(1000, "a.jpg"));
  await again.sent(first);
  assert.deepEqual([again.oldest()?.name, again.oldest()?.time], ["b.jpg", { unixMs: 1_700_000_000_000 }]);
  await again.put("cam", picture("c.jpg"));
  assert.equal((await readdir(dir)).length, 4);
  for (const name of await readdir(dir)) assert.equal((await stat(join(dir, name))).mode & 0o777, 0o600);
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
  const { waiting, sent, usedBytes } = again.stats();
  assert.deepEqual([waiting, sent, usedBytes], [2, 1, 4 * 4096]);
});

test("beyond the quota the oldest go, and each is told; one larger than the quota is refused", async () => {
  const { lost, open } = await place({ quotaBytes: 3 * 8192 });
  const spool = await open();
  for (const name of ["a", "b", "c", "d", "e"]) await spool.put("cam", picture(name));
  assert.deepEqual(lost, [
    { plugin: "cam", name: "a", bytes: 1000, reason: "quota" },
    { plugin: "cam", name: "b", bytes: 1000, reason: "quota" },
  ]);
  assert.equal(spool.oldest()?.name, "c");
  await assert.rejects(spool.put("cam", picture("large", 32_768)), {
    code: "OBJECT_FAILED",
    message: /quota/,
  });
  await spool.configure({ quotaBytes: 8192 });
  assert.deepEqual([spool.oldest()?.name, spool.stats().waiting, lost.length], ["e", 1, 4]);
});

test("a disk that is full takes the oldest; with none left the put fails and leaves nothing", async () => {
  let room = 100;
  const full = (): never => {
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  };
  const { dir, lost, open } = await place({
    write: async (path, content) => {
      if (room-- <= 0) full();
      await writeSynced(path, content);
    },
  });
  const spool = await open();
  await spool.put("cam", picture("a"));
  await spool.put("cam", picture("b"));
  room = 1;
  await assert.rejects(spool.put("cam", picture("c")), { code: "OBJECT_FAILED", message: /ENOSPC/ });
  assert.deepEqual(
    lost.map(({ name, reason }) => `${name}: ${reason}`),
    ["a: disk-full", "b: disk-full"],
  );
  assert.deepEqual(await readdir(dir), []);
  room = 100;
  await spool.put("cam", picture("d"));
  assert.equal(spool.stats().waiting, 1);
});

test("what a power cut left half-done is removed, and what is damaged is told and harms no other", async () => {
  const { dir, lost, open } = await place();
  const spool = await open();
  for (const name of ["a", "b", "c", "d"]) await spool.put("cam", picture(name));
  await spool.close();
  const file = (number: number, kind: string): string => join(dir, `00000000000${number}.${kind}`);
  await truncate(file(1, "body"), 500);
  await writeFile(file(2, "json"), (await readFile(file(2, "json"), "utf8")).slice(0, 40));
  const body = await readFile(file(3, "body"));
  body[7]! ^= 1;
  await writeFile(file(3, "body"), body);
  await writeFile(file(8, "body"), "never described");
  await writeFile(file(9, "body"), "half");
  await writeFile(file(9, "json.new"), "{");

  const again = await open();
  assert.deepEqual(lost, [{ plugin: "cam", name: "a", bytes: 1000, reason: "damaged" }]);
  assert.equal(again.oldest()?.name, "c");
  assert.equal(await again.isWhole(again.oldest()!), false);
  await again.giveUp(again.oldest()!, "damaged");
  assert.ok(await again.isWhole(again.oldest()!));
  assert.deepEqual((await readdir(dir)).sort(), ["000000000004.body", "000000000004.json"]);
  await again.put("cam", picture("e"));
  assert.deepEqual((await readdir(dir)).length, 4);
});

test("what is no object is refused with the value", async () => {
  const spool = await (await place()).open();
  const bad = [
    [{ ...picture("../secret") }, /\.\.\/secret/],
    [{ ...picture("a//b") }, /no name/],
    [{ ...picture("a.jpg"), contentType: "jpeg" }, /"jpeg" is no content type/],
    [{ ...picture("a.jpg"), contentType: "image/jpeg\r\nX: y" }, /no content type/],
    [{ ...picture("a.jpg"), body: "text" as unknown as Uint8Array }, /no Uint8Array/],
    [picture("a.jpg", 16 * 2 ** 20 + 1), /16777216 are allowed/],
    [{ ...picture("a.jpg"), timeMs: Number.NaN }, /NaN/],
  ] as const;
  for (const [object, message] of bad) {
    await assert.rejects(spool.put("cam", object), { code: "OBJECT_INVALID", message });
  }
  await spool.put("cam", { ...picture("still/2026.tar.gz"), contentType: 'text/plain; charset="utf-8"' });
});

test("a put that is given up before its turn is not kept, and too many at once are refused", async () => {
  const spool = await (await place()).open();
  const given = new AbortController();
  const puts = Array.from({ length: 8 }, (_, n) => spool.put("cam", picture(`p${n}`), given.signal));
  await assert.rejects(spool.put("cam", picture("p8")), { code: "OBJECT_FAILED", message: /slow down/ });
  given.abort(new Error("never mind"));
  const outcomes = await Promise.allSettled(puts);
  assert.ok(outcomes.filter(({ status }) => status === "rejected").length >= 7);
  await spool.put("cam", picture("p9"));
});
