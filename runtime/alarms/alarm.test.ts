import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { Alarm, judge, type Observed } from "./alarm.ts";
import type { AlarmCondition, AlarmTarget } from "./types.ts";

const good = (value: Observed["value"]): Observed => ({ value, quality: "good" });
const bad: Observed = { value: null, quality: "bad", reason: "no answer" };
const above = (limit: number, hysteresis = 0): AlarmCondition => ({ kind: "above", limit, hysteresis });

function alarmOf(t: TestContext, changes: Partial<AlarmTarget> = {}, raised = false) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 0;
  const told: [active: boolean, value: unknown, atMs: number][] = [];
  const alarm = new Alarm({
    target: {
      name: "hot",
      plugin: "p1",
      point: "room/temperature",
      condition: above(30, 2),
      holdMs: 1000,
      clearHoldMs: 500,
      severity: "warning",
      ...changes,
    },
    raised,
    nowMs: () => nowMs,
    onChange: (active, { value }) => told.push([active, value, nowMs]),
  });
  return {
    alarm,
    told,
    /** A sample, and then so much time. */
    sample(observed: Observed, ms = 0): void {
      alarm.take(observed);
      for (let i = 0; i < ms; i += 100) {
        nowMs += 100;
        t.mock.timers.tick(100);
      }
    },
  };
}

test("it is raised when the condition has held for its time, and cleared when it was over for its time", (t) => {
  const { alarm, told, sample } = alarmOf(t);
  sample(good(29), 5000);
  sample(good(31), 900);
  assert.equal(alarm.status().state, "pending");
  sample(good(32), 200);
  assert.equal(alarm.status().state, "raised");
  sample(good(20), 400);
  assert.equal(alarm.status().state, "clearing");
  sample(good(21), 200);
  assert.deepEqual(told, [
    [true, 32, 6000],
    [false, 21, 6600],
  ]);
  assert.deepEqual(alarm.status(), {
    name: "hot",
    point: "p1/room/temperature",
    severity: "warning",
    state: "clear",
    sinceMs: 6600,
    value: 21,
    quality: "good",
  });
});

test("what does not last is no alarm, and no end of one", (t) => {
  const { told, sample } = alarmOf(t);
  for (let i = 0; i < 5; i++) {
    sample(good(31), 900);
    sample(good(29), 100);
  }
  assert.deepEqual(told, []);
  sample(good(31), 1000);
  for (let i = 0; i < 5; i++) {
    sample(good(20), 400);
    sample(good(31), 100);
  }
  assert.deepEqual(told, [[true, 31, 6000]]);
});

test("a value that trembles at the limit raises it once: to be over it must come back by the hysteresis", (t) => {
  const { told, sample } = alarmOf(t, { holdMs: 0, clearHoldMs: 0 });
  for (const value of [29.9, 30, 30.1, 29.9, 30.1, 28.1, 30.5, 28, 30, 30.2]) sample(good(value));
  assert.deepEqual(
    told.map(([active, value]) => [active, value]),
    [
      [true, 30.1],
      [false, 28],
      [true, 30.2],
    ],
  );
});

test("samples that stop do not stop the time, and bad ones say nothing about a value", (t) => {
  const { told, sample } = alarmOf(t);
  sample(good(31), 300);
  sample(bad, 5000);
  assert.deepEqual(told, [[true, 31, 1000]]);
  sample(bad, 5000);
  assert.equal(told.length, 1);
});

test("one that was raised when the node was last there is not raised again, and is cleared when it is over", (t) => {
  const { alarm, told, sample } = alarmOf(t, {}, true);
  sample(good(35), 5000);
  assert.deepEqual([told, alarm.status().state], [[], "raised"]);
  sample(good(10), 500);
  assert.deepEqual(told, [[false, 10, 5500]]);
});

test("stopped, its hold time does not run out any more", (t) => {
  const { alarm, told, sample } = alarmOf(t);
  sample(good(31));
  alarm.stop();
  t.mock.timers.tick(1e6);
  assert.deepEqual(told, []);
});

for (const [condition, sample, holds] of [
  [above(10), good(10), false],
  [above(10), good(10.1), true],
  [{ kind: "below", limit: 10, hysteresis: 0 }, good(9.9), true],
  [{ kind: "below", limit: 10, hysteresis: 0 }, good(10), false],
  [above(10), good("11"), undefined],
  [above(10), good(true), undefined],
  [above(10), { value: 11, quality: "uncertain" }, true],
  [above(10), { value: 11, quality: "bad" }, undefined],
  [{ kind: "equals", value: "fault" }, good("fault"), true],
  [{ kind: "equals", value: 1 }, good(true), false],
  [{ kind: "equals", value: true }, bad, undefined],
  [{ kind: "quality", quality: "bad" }, bad, true],
  [{ kind: "quality", quality: "bad" }, { value: 1, quality: "uncertain" }, false],
  [{ kind: "quality", quality: "uncertain" }, bad, true],
  [{ kind: "quality", quality: "uncertain" }, good(1), false],
] as [AlarmCondition, Observed, boolean | undefined][]) {
  test(`${JSON.stringify(condition)} of ${JSON.stringify(sample)}: ${holds}`, () => {
    assert.equal(judge(condition, sample, false), holds);
  });
}

test("whatever the samples are, raised and cleared take turns", (t) => {
  const samples = fc.array(
    fc.tuple(fc.double({ min: 25, max: 35, noNaN: true }), fc.integer({ min: 0, max: 15 })),
  );
  fc.assert(
    fc.property(samples, (taken) => {
      t.mock.timers.reset();
      const { told, sample } = alarmOf(t);
      for (const [value, ticks] of taken) sample(good(value), ticks * 100);
      told.forEach(([active], i) => {
        assert.equal(active, i % 2 === 0);
      });
    }),
  );
});
