import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditCounts } from "../hub/audit.ts";
import { expectedRows, type Sum, tally } from "./tally.ts";

const none = { p50: null, p99: null, samples: 0 };
const rest = { outages: 1, outageMs: 5_100, latencyMs: { before: none, during: none, after: none } };

function chain(plugin: string, counts: Partial<AuditCounts>): AuditCounts & { plugin: string } {
  const zero = {
    ...{ frames: 0, rows: 0, samples: 0, rowsInGaps: 0, samplesInGaps: 0, rowsUncertain: 0 },
    ...{ samplesUncertain: 0, rowsTwice: 0, rowsOutOfOrder: 0, rowsMissing: 0, samplesMissing: 0 },
    ...{ samplesExtra: 0, samplesTwice: 0, samplesMiscounted: 0, sinceFaults: 0 },
  };
  return { plugin, ...zero, ...counts };
}

function sumOf(emitted: number, stored: number, ...chains: Partial<AuditCounts>[]): Sum {
  return tally({
    plugins: [{ name: "meter", emitted, stored }],
    audit: { malformed: 0, chains: chains.map((counts) => chain("meter", counts)) },
    ...rest,
  });
}

test("all that is durable lies at the hub, on whichever lane", () => {
  const sum = sumOf(100, 100, { samples: 97 }, { samples: 3 });
  const { ok, emitted, durable, stored, lost, twice, outOfOrder, outageMs } = sum;
  assert.deepEqual([emitted, durable, stored, lost, twice, outOfOrder], [100, 100, 100, 0, 0, 0]);
  assert.equal(ok, true);
  assert.equal(outageMs, 5_100);
});

test("a durable sample that is not at the hub is lost", () => {
  const sum = sumOf(100, 100, { samples: 98 });
  assert.deepEqual([sum.ok, sum.lost, sum.twice], [false, 2, 0]);
});

test("a missing row is lost even where a sample too many hides it", () => {
  const sum = sumOf(100, 100, { samples: 100, rowsMissing: 1, rowsTwice: 1 });
  assert.deepEqual([sum.ok, sum.lost, sum.twice], [false, 1, 1]);
});

test("one plugin's surplus does not hide another one's loss", () => {
  const sum = tally({
    plugins: [
      { name: "a", emitted: 10, stored: 10 },
      { name: "b", emitted: 10, stored: 10 },
    ],
    audit: { malformed: 0, chains: [chain("a", { samples: 9 }), chain("b", { samples: 11 })] },
    ...rest,
  });
  assert.deepEqual([sum.ok, sum.stored, sum.lost, sum.twice], [false, 20, 1, 1]);
});

test("what a gap record tells of is not lost in silence", () => {
  const sum = sumOf(100, 100, { samples: 90, samplesInGaps: 10, rowsInGaps: 10 });
  assert.deepEqual([sum.ok, sum.lost, sum.inGaps], [true, 0, 10]);
});

test("a sample that was refused was never durable, so it is not lost", () => {
  const sum = sumOf(100, 96, { samples: 96 });
  assert.deepEqual([sum.ok, sum.emitted - sum.durable, sum.lost], [true, 4, 0]);
});

test("a row behind a later one, a false header and an unreadable message each break the promise", () => {
  assert.equal(sumOf(5, 5, { samples: 5, rowsOutOfOrder: 1 }).ok, false);
  assert.equal(sumOf(5, 5, { samples: 5, sinceFaults: 1 }).ok, false);
  const malformed = tally({
    plugins: [],
    audit: { malformed: 1, chains: [chain("m", { samples: 1 })] },
    ...rest,
  });
  assert.deepEqual([malformed.ok, malformed.otherFaults], [false, 1]);
});

test("a run without a sample proves nothing", () => {
  assert.equal(sumOf(0, 0).ok, false);
});

test("the audit is told how many rows each chain has, except where gap records took numbers", () => {
  const chains = [{ plugin: "meter", lane: "telemetry", nextRow: 8 }];
  const rows = [{ plugin: "meter", lane: "telemetry", rows: 7 }];
  assert.deepEqual(expectedRows({ chains, evictedSamples: 0, salvages: 0 }), rows);
  assert.deepEqual(expectedRows({ chains, evictedSamples: 1, salvages: 0 }), []);
});
