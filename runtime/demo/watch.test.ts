import assert from "node:assert/strict";
import { test } from "node:test";
import { Watch } from "./watch.ts";

test("a sample belongs to the outage that it was under way in", () => {
  const watch = new Watch();
  watch.arrived(1_000, 1_020);
  watch.cut(2_000);
  // Under way at the cut, taken during it, and taken after the return that is only told later.
  watch.arrived(1_990, 5_010);
  watch.arrived(3_000, 5_011);
  watch.arrived(5_100, 5_118);
  watch.returned(5_000);
  // The backlog goes on.
  watch.arrived(4_000, 5_200);
  watch.arrived(6_000, 6_016);

  const { before, during, after } = watch.latencies();
  assert.deepEqual([before.samples, during.samples, after.samples], [1, 3, 2]);
  assert.ok(Math.abs(before.p50! - 20) < 0.2);
  assert.ok(Math.abs(during.p99! - 3_020) < 20, `${during.p99}`);
  assert.ok(Math.abs(after.p99! - 18) < 0.2);
  assert.equal(watch.outageMs, 3_000);
  assert.equal(watch.samples, 6);
});

test("outages add up, and what lies between them is after the first", () => {
  const watch = new Watch();
  watch.cut(1_000);
  watch.returned(2_000);
  watch.arrived(2_500, 2_510);
  watch.cut(3_000);
  watch.arrived(3_500, 4_000);
  watch.returned(3_900);
  assert.deepEqual([watch.outages, watch.outageMs], [2, 1_900]);
  const { before, during, after } = watch.latencies();
  assert.deepEqual([before.samples, during.samples, after.samples], [0, 1, 1]);
  assert.equal(before.p50, null);
});

test("a return that was not waited for changes nothing", () => {
  const watch = new Watch();
  watch.returned(1_000);
  assert.deepEqual([watch.outages, watch.outageMs, watch.inOutage], [0, 0, false]);
});

test("the latest latency is the median of what came last", () => {
  const watch = new Watch();
  assert.equal(watch.recentMs(), undefined);
  for (const ms of [10, 500, 12]) watch.arrived(0, ms);
  assert.equal(watch.recentMs(), 12);
  for (let i = 0; i < 300; i++) watch.arrived(0, 30);
  assert.equal(watch.recentMs(), 30);
});
