import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Clock } from "../clock.ts";
import { isUmecError } from "../errors.ts";
import { type Gap, generationSize } from "../frame.ts";
import { silentLog } from "../log.ts";
import type { Lane } from "../plugin/contract.ts";
import { Outbox, type OutboxOptions } from "./outbox.ts";
import type { NewRow, Row } from "./types.ts";

let directory: string;
const open: Outbox[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "umec-outbox-"));
});
afterEach(async () => {
  for (const outbox of open.splice(0)) await outbox.close();
  rmSync(directory, { recursive: true });
});

const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  known: () => true,
};

async function openOutbox(options: Partial<OutboxOptions> = {}): Promise<Outbox> {
  const outbox = await Outbox.open({
    path: join(directory, "outbox.db"),
    quotaBytes: 16 * 1024 * 1024,
    clock: systemClock,
    log: silentLog,
    commitMs: 1,
    thread: false,
    ...options,
  });
  open.push(outbox);
  return outbox;
}

async function reopen(outbox: Outbox, options: Partial<OutboxOptions> = {}): Promise<Outbox> {
  await outbox.close();
  return openOutbox(options);
}

function pack(text: string, more: Partial<NewRow> = {}): NewRow {
  return {
    plugin: "meter",
    lane: "telemetry",
    time: { unixMs: 1_700_000_000_000 },
    samples: 1,
    records: Buffer.from(text),
    ...more,
  };
}

const texts = (rows: readonly Row[]): string[] => rows.map((row) => Buffer.from(row.records).toString());
const all = (outbox: Outbox, lane: Lane = "telemetry"): Promise<Row[]> => outbox.read(lane, 0, 1e9);
const gaps = (rows: readonly Row[]): Gap[] =>
  rows.filter((r) => r.gap).map((r) => JSON.parse(Buffer.from(r.records).toString()));

function eraseAll(outbox: Outbox, rows: readonly Row[]): void {
  for (const { id, chain, row, samples } of rows) {
    outbox.erase({ chain, ids: [{ first: id, last: id }], rows: 1, samples, doneRow: row });
  }
}

for (const thread of [false, true]) {
  const where = thread ? "in its thread" : "in place";

  test(`what was acknowledged is there after reopening, in order (${where})`, async () => {
    const outbox = await openOutbox({ thread });
    await Promise.all(["a", "b", "c"].map((text) => outbox.append(pack(text))));
    await outbox.append(pack("x", { plugin: "door", lane: "alarm" }));
    const again = await reopen(outbox, { thread });
    assert.deepEqual(texts(await all(again)), ["a", "b", "c"]);
    assert.deepEqual(texts(await all(again, "alarm")), ["x"]);
    assert.deepEqual(
      again.chains().map(({ plugin, lane, nextRow, waitingRows }) => [plugin, lane, nextRow, waitingRows]),
      [
        ["meter", "telemetry", 4, 3],
        ["door", "alarm", 2, 1],
      ],
    );
  });
}

test("packs that come together share one commit", async () => {
  const outbox = await openOutbox({ commitMs: 20 });
  await Promise.all(Array.from({ length: 100 }, (_, i) => outbox.append(pack(`${i}`))));
  assert.equal(outbox.stats().commits, 1);
});

test("commitBytes ends the wait", async () => {
  const outbox = await openOutbox({ commitMs: 60_000, commitBytes: 10 });
  await outbox.append(pack("more than ten bytes"));
  assert.equal(outbox.stats().commits, 1);
});

test("erased rows are gone, counted, and their numbers are never given again", async () => {
  const outbox = await openOutbox();
  await Promise.all([outbox.append(pack("a")), outbox.append(pack("b", { samples: 5 }))]);
  eraseAll(outbox, await all(outbox));
  assert.equal(outbox.stats().waitingRows, 0);
  assert.equal(outbox.stats().waitingSamples, 0);
  const lastId = outbox.lastId;
  const again = await reopen(outbox);
  assert.deepEqual(await all(again), []);
  await again.append(pack("c"));
  const [row] = await all(again);
  assert.equal(row?.row, 3);
  assert.ok(row.id > lastId);
});

test("appended rows are told in order once they are durable", async () => {
  const outbox = await openOutbox();
  const told: string[] = [];
  outbox.onAppended((rows) => told.push(...texts(rows)));
  await Promise.all(["a", "b"].map((text) => outbox.append(pack(text))));
  await outbox.append(pack("c"));
  assert.deepEqual(told, ["a", "b", "c"]);
});

test("a slow disk pushes back instead of eating memory", async () => {
  const outbox = await openOutbox({ maxPendingBytes: 100, commitMs: 5 });
  const first = outbox.append(pack("x".repeat(90)));
  await assert.rejects(outbox.append(pack("x".repeat(20))), (error) =>
    isUmecError(error, "OUTBOX_OVERLOADED"),
  );
  await first;
  await outbox.append(pack("x".repeat(20)));
});

test("a full outbox gives up the oldest rows of the least important lane, and says so", async () => {
  const outbox = await openOutbox({ quotaBytes: 2 * 1024 * 1024 });
  const big = (i: number, lane: Lane): Promise<number> =>
    outbox.append(pack(`${i}`.padEnd(16_000), { lane, samples: 10 }));
  for (let i = 1; i <= 40; i++) await big(i, "alarm");
  for (let i = 1; i <= 40; i++) await big(i, "bulk");
  for (let i = 1; i <= 120; i++) await big(i, "telemetry");
  const stats = outbox.stats();
  assert.ok(stats.usedBytes <= 2 * 1024 * 1024, `${stats.usedBytes} bytes used`);
  assert.equal((await all(outbox, "alarm")).length, 40, "no alarm was evicted");
  const bulk = await all(outbox, "bulk");
  const telemetry = await all(outbox);
  const [bulkGap, ...more] = gaps(bulk);
  assert.deepEqual(more, []);
  assert.equal(bulkGap?.from, 1);
  assert.equal(bulkGap?.rows, 40, "all of bulk went before telemetry");
  const [gap] = gaps(telemetry);
  const rows = telemetry.filter((row) => !row.gap);
  assert.deepEqual(gap, {
    from: 1,
    to: 120 - rows.length,
    rows: 120 - rows.length,
    samples: (120 - rows.length) * 10,
    reason: "quota",
  });
  assert.equal(rows[0]?.row, gap.to + 1, "the oldest went first");
  assert.equal(stats.evictedSamples, bulkGap.samples + gap.samples);
});

test("a plugin that hoards, in whatever lane, pays for it itself and not with others' samples", async () => {
  const outbox = await openOutbox({ quotaBytes: 2 * 1024 * 1024 });
  const put = (plugin: string, lane: Lane, i: number): Promise<number> =>
    outbox.append(pack(`${i}`.padEnd(16_000), { plugin, lane }));
  for (let i = 1; i <= 20; i++) await put("meter", "telemetry", i);
  for (let i = 1; i <= 10; i++) await put("door", "bulk", i);
  for (let i = 1; i <= 300; i++) await put("hoard", "alarm", i);
  assert.ok(outbox.stats().usedBytes <= 2 * 1024 * 1024);
  assert.equal((await all(outbox)).length, 20, "no telemetry was evicted");
  assert.equal((await all(outbox, "bulk")).length, 10, "nor bulk");
  const alarms = await all(outbox, "alarm");
  const [gap, ...more] = gaps(alarms);
  assert.deepEqual(more, []);
  assert.equal(gap?.from, 1);
  assert.equal(gap.rows, 300 - (alarms.length - 1), "its own oldest went");
  // It still has what is left: the others' samples that come now push it back, not one another.
  for (let i = 1; i <= 20; i++) await put("meter", "telemetry", i);
  assert.equal((await all(outbox)).length, 40);
});

test("rows in the link's hands are not evicted", async () => {
  const outbox = await openOutbox({ quotaBytes: 1024 * 1024 });
  for (let i = 1; i <= 40; i++) await outbox.append(pack(`${i}`.padEnd(16_000)));
  const [first] = await all(outbox);
  outbox.protect("telemetry", [{ first: first!.id, last: first!.id }]);
  for (let i = 1; i <= 60; i++) await outbox.append(pack(`${i}`.padEnd(16_000)));
  assert.equal((await all(outbox))[0]?.id, first?.id);
  outbox.protect("telemetry", [{ first: 0, last: Number.MAX_SAFE_INTEGER }]);
  await assert.rejects(
    async () => {
      for (let i = 1; i <= 80; i++) await outbox.append(pack(`${i}`.padEnd(16_000)));
    },
    (error) => isUmecError(error, "OUTBOX_FULL"),
  );
});

test("times are repaired when the clock becomes known, also for rows stored before", async () => {
  let known = false;
  const clock: Clock = {
    nowMs: () => (known ? 1_800_000_000_000 + performance.now() : 0),
    monotonicMs: () => performance.now(),
    known: () => known,
  };
  const outbox = await openOutbox({ clock, bootId: "one" });
  const at = performance.now();
  await outbox.append(pack("a", { time: { monotonicMs: at } }));
  assert.equal((await all(outbox))[0]?.timeMs, undefined);
  const woke = Promise.withResolvers<void>();
  outbox.onClock(woke.resolve);
  known = true;
  await outbox.checkClock();
  await woke.promise;
  const [row] = await all(outbox);
  assert.ok(Math.abs(row!.timeMs! - (1_800_000_000_000 + at)) < 1, `${row?.timeMs}`);
  assert.equal(row?.timeEstimated, false);
});

test("a boot that never learnt the time gets a guess that says so", async () => {
  const unknown: Clock = { nowMs: () => 0, monotonicMs: () => 5_000, known: () => false };
  const outbox = await openOutbox({ clock: unknown, bootId: "one" });
  await outbox.append(pack("a", { time: { monotonicMs: 4_000 } }));
  const known: Clock = { nowMs: () => 1_800_000_000_000, monotonicMs: () => 100, known: () => true };
  const again = await reopen(outbox, { clock: known, bootId: "two" });
  const [row] = await all(again);
  // The old boot's last sign of life (5,000) is taken to lie at this boot's start.
  assert.equal(row?.timeMs, 1_800_000_000_000 - 100 - 1_000);
  assert.equal(row?.timeEstimated, true);
});

test("a clock that jumps by years changes no time that was known", async () => {
  let offsetMs = 1_800_000_000_000;
  const clock: Clock = {
    nowMs: () => offsetMs + performance.now(),
    monotonicMs: () => performance.now(),
    known: () => true,
  };
  const outbox = await openOutbox({ clock, bootId: "one" });
  await outbox.append(pack("before", { time: { monotonicMs: 10 } }));
  offsetMs += 3 * 365 * 86_400_000;
  await outbox.append(pack("after", { time: { monotonicMs: 20 } }));
  const times = (await all(outbox)).map((row) => Math.round(row.timeMs! - 1_800_000_000_000));
  assert.ok(Math.abs(times[0]! - 10) < 1 && Math.abs(times[1]! - 3 * 365 * 86_400_000 - 20) < 1, `${times}`);
});

test("what the hub was found to have is remembered until the chain has passed it", async () => {
  const outbox = await openOutbox();
  await Promise.all(["a", "b", "c"].map((text) => outbox.append(pack(text))));
  await outbox.markSent(1, { first: 2, last: 3 });
  const again = await reopen(outbox);
  assert.deepEqual(again.chain(1).sent, [{ first: 2, last: 3 }]);
  eraseAll(again, await all(again));
  assert.deepEqual((await reopen(again)).chain(1).sent, []);
});

test("a row that can't be sent becomes a gap record", async () => {
  const outbox = await openOutbox();
  await outbox.append(pack("a", { samples: 7 }));
  const [row] = await all(outbox);
  await outbox.giveUp(row!, "too-large");
  const rows = await all(outbox);
  assert.deepEqual(gaps(rows), [{ from: 1, to: 1, rows: 1, samples: 7, reason: "too-large" }]);
  assert.equal(rows.length, 1);
});

test("a second process is refused", async () => {
  await openOutbox();
  await assert.rejects(openOutbox({ thread: true }), (error) => isUmecError(error, "OUTBOX_LOCKED"));
});

test("a file that went missing is said to be lost, and does not give its numbers again", async () => {
  const outbox = await openOutbox();
  await outbox.append(pack("a"));
  const { store } = outbox;
  await outbox.close();
  rmSync(join(directory, "outbox.db"));
  const again = await openOutbox();
  assert.equal(again.store, store);
  await again.append(pack("b"));
  const rows = await all(again);
  assert.equal(rows.at(-1)?.row, generationSize + 2);
  assert.deepEqual(gaps(rows), [{ from: 1, to: generationSize, rows: 0, samples: 0, reason: "damaged" }]);
});

test("close commits what waits", async () => {
  const outbox = await openOutbox({ commitMs: 60_000 });
  const stored = outbox.append(pack("last"));
  // The chain is made first; only then does the pack wait.
  while (outbox.chains().length === 0) await new Promise(setImmediate);
  const again = await reopen(outbox);
  await stored;
  assert.deepEqual(texts(await all(again)), ["last"]);
  await assert.rejects(outbox.append(pack("late")), (error) => isUmecError(error, "OUTBOX_CLOSED"));
});
