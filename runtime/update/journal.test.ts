import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import type { NewRow } from "../outbox/types.ts";
import { decodeCbor } from "../senml/cbor.ts";
import { describeReport, formatReport, parseOrder, parseReport } from "../update-wire.ts";
import { UpdateJournal } from "./journal.ts";

function rig(options: { burst?: number; everyMs?: number } = {}) {
  const rows: NewRow[] = [];
  const state = { nowMs: 0, full: false };
  const append = async (row: NewRow): Promise<void> => {
    if (state.full) throw new Error("the disk is full");
    rows.push(row);
  };
  const clock = { monotonicMs: () => state.nowMs };
  return {
    rows,
    state,
    journal: new UpdateJournal({ outbox: { append }, clock, log: silentLog, ...options }),
  };
}

test("a report is one record of the plugin update in the lane alarm, named by its phase", async () => {
  const { rows, journal } = rig();
  const report = { id: "r", phase: "fell-back", from: "1.0.0", to: "2.0.0", reason: "a panic" } as const;
  await journal.report(report);
  const [{ plugin, lane, samples, records }] = rows as [NewRow];
  assert.deepEqual([plugin, lane, samples], ["update", "alarm", 1]);
  const [record] = decodeCbor(Buffer.concat([Buffer.of(0x81), records]));
  assert.equal(record?.n, "fell-back");
  assert.deepEqual(parseReport(record?.vs), report);
});

test("of too many steps the last are left out, and room is kept for ends; an end without room waits", async () => {
  const { rows, state, journal } = rig({ burst: 6, everyMs: 20 });
  for (let i = 0; i < 10; i++) await journal.report({ phase: "fetching" });
  assert.equal(rows.length, 4);
  for (let i = 0; i < 2; i++) await journal.report({ phase: "failed" });
  assert.equal(rows.length, 6);
  let told = false;
  const waiting = journal.report({ phase: "good" }).then(() => {
    told = true;
  });
  await new Promise((done) => setTimeout(done, 50));
  assert.equal(told, false);
  state.nowMs += 20;
  await waiting;
  assert.equal(rows.length, 7);
});

test("what can't be written is an error", async () => {
  const { state, journal } = rig();
  state.full = true;
  const failing = journal.report({ phase: "good" });
  await assert.rejects(failing, (error) => isUmecError(error, "UPDATE_REPORT_FAILED"));
});

test("what is no report or no order is none", () => {
  const none = [undefined, 5, "", "{}", "[]", '{"phase":"x"}', '{"phase":"good","to":5}'];
  for (const text of none) assert.equal(parseReport(text), undefined, String(text));
  const long = parseReport(formatReport({ phase: "failed", reason: "x".repeat(2000) }));
  assert.equal(long?.reason?.length, 501);
  const bundle = { version: "1.0.0", compatible: "umec-virt", sha256: "a".repeat(64), bytes: 5 };
  assert.deepEqual(parseOrder(JSON.stringify({ id: "r", bundle, more: 1 })), { id: "r", bundle });
  const faults = [
    { id: "R!" },
    { bundle: undefined },
    { bundle: { ...bundle, sha256: "../x" } },
    { permit: 5 },
  ];
  for (const fault of [...faults, { bundle: { ...bundle, bytes: 0 } }]) {
    const text = JSON.stringify({ id: "r", bundle, ...fault });
    assert.throws(
      () => parseOrder(text),
      (error) => isUmecError(error, "UPDATE_ORDER_INVALID"),
      text,
    );
  }
});

test("a report is a sentence", () => {
  const said = (more: object) => describeReport("lamp-0042", { phase: "good", ...more } as never);
  assert.equal(
    said({ phase: "fell-back", from: "1.3.2", to: "1.4.0", reason: "plugin rs485 did not sample in 120 s" }),
    "lamp-0042 fell back from 1.4.0 to 1.3.2: plugin rs485 did not sample in 120 s",
  );
  assert.equal(said({ to: "1.4.0" }), "lamp-0042 runs 1.4.0");
  assert.equal(said({ phase: "refused", to: "1.4.0", reason: "why" }), "lamp-0042 refused 1.4.0: why");
  assert.equal(said({ phase: "fetching", to: "1.4.0" }), "lamp-0042 is fetching 1.4.0");
});
