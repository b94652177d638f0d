import assert from "node:assert/strict";
import { test } from "node:test";
import { styleText } from "node:util";
import { paint } from "./paint.ts";
import { sumTable } from "./sum-view.ts";
import type { Sum } from "./tally.ts";

const sum: Sum = {
  ok: true,
  emitted: 4_312,
  durable: 4_312,
  stored: 4_312,
  inGaps: 0,
  lost: 0,
  twice: 0,
  outOfOrder: 0,
  otherFaults: 0,
  outages: 1,
  outageMs: 5_430,
  latencyMs: {
    before: { p50: 18.2, p99: 34.9, samples: 1_710 },
    during: { p50: 2_510, p99: 5_240, samples: 1_080 },
    after: { p50: null, p99: null, samples: 0 },
  },
};

const text = (change: Partial<Sum> = {}, color = false) =>
  paint(sumTable({ ...sum, ...change }), { color }).join("\n");

test("the table says that all is there, and how fast it was", () => {
  const table = text();
  assert.match(table, /emitted +4,312/);
  assert.match(table, /stored at the hub +4,312/);
  assert.match(table, /lost +0 /);
  assert.match(table, /stored twice +0 /);
  assert.match(table, /out of order +0 /);
  assert.match(table, /before the outage +18 ms +35 ms +1,710/);
  assert.match(table, /during +2\.5 s +5\.2 s +1,080/);
  assert.match(table, /after +- +- +0$/m);
  assert.match(
    table,
    /✓ The link was cut for 5\.4 s\. Every durable sample is at the hub, once, in order\.$/,
  );
  assert.doesNotMatch(table, /refused|gap|fault/);
});

test("what went wrong is there, in red, and the verdict says so", () => {
  const table = text({ ok: false, lost: 3, inGaps: 2, otherFaults: 1, durable: 4_300 }, true);
  for (const number of [3, 12, 2, 1]) {
    assert.ok(table.includes(styleText("red", String(number).padStart(9), { validateStream: false })), table);
  }
  assert.match(table, /lost .*3.* durable, but not at the hub/);
  assert.match(table, /refused .*12/);
  assert.match(table, /in gap records .*2/);
  assert.match(table, /other faults .*1/);
  assert.match(table, /✗ .*The promise was not kept/s);
});

test("a run without an outage claims none", () => {
  const table = text({ outages: 0, outageMs: 0 });
  assert.match(table, /all the time +18 ms/);
  assert.doesNotMatch(table, /during/);
  assert.match(table, /The link was not cut\./);
});

test("several outages are summed up", () => {
  assert.match(text({ outages: 3 }), /The link was cut 3 times, for 5\.4 s in all\./);
});
