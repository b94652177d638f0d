import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import type { Attempt } from "../attempt-file.ts";
import type { UpdateReport } from "../types.ts";
import { collectFallBack, fallBackReason } from "./fall-back.ts";
import { leave } from "./test-evidence.ts";

const scratch = createScratch();
const attempt: Attempt = {
  version: 1,
  id: "autumn",
  from: "1.3.2",
  to: "1.4.0",
  slot: "B",
  atMs: 1_790_000_000_000,
  bootId: "00000000-0000-0000-0000-000000000000",
};

async function node(ordered?: Attempt) {
  const home = await scratch();
  const dir = join(home, "fell-back");
  const reports: UpdateReport[] = [];
  let fails = false;
  return {
    dir,
    reports,
    fail: (value: boolean) => {
      fails = value;
    },
    collect: () =>
      collectFallBack({
        dir,
        toldPath: join(home, "told"),
        attempt: ordered,
        version: "1.3.2",
        async report(report) {
          if (fails) throw new Error("the disk is full");
          reports.push(report);
        },
      }),
  };
}

test("a fall-back that nobody ordered here is told once, however often the node starts", async () => {
  const { dir, reports, collect } = await node();
  await collect();
  await leave(dir, 1, "plugin");
  await collect();
  await collect();
  assert.deepEqual(reports, [
    { phase: "fell-back", from: "1.3.2", to: "1.4.0", reason: "plugin rs485 did not sample in 120 s" },
  ]);
  await leave(dir, 2, "panic");
  await leave(dir, 3, "nothing");
  await collect();
  assert.deepEqual(
    reports.slice(1).map(({ to, reason }) => [to, reason]),
    [
      ["1.4.0", "the kernel panicked: sysrq triggered crash"],
      [undefined, "none of its starts came as far as /data, and the kernel left no words"],
    ],
  );
});

test("what could not be told is told at the next start", async () => {
  const { dir, reports, collect, fail } = await node();
  await leave(dir, 1, "hub");
  fail(true);
  await assert.rejects(collect(), /the disk is full/);
  fail(false);
  await collect();
  assert.equal(reports.length, 1);
});

test("numbers that began anew, with a /data that was lost, are told", async () => {
  const { dir, reports, collect } = await node();
  await leave(dir, 7, "hub");
  await collect();
  const again = await node();
  await leave(again.dir, 1, "hub");
  await again.collect();
  assert.equal(reports.length + again.reports.length, 2);
});

test("the updater tells the end of its own order, with the reason from here", async () => {
  const { dir, reports, collect } = await node(attempt);
  await leave(dir, 1, "panic");
  await leave(dir, 2, "plugin");
  await collect();
  assert.deepEqual(
    reports.map(({ reason }) => reason),
    ["the kernel panicked: sysrq triggered crash"],
    "an older one is none of the order's",
  );
  assert.equal(await fallBackReason(attempt, dir), "plugin rs485 did not sample in 120 s");
  assert.equal(await fallBackReason({ ...attempt, to: "1.5.0" }, dir), undefined);
  assert.equal(await fallBackReason({ ...attempt, slot: "A" }, dir), undefined);
});
