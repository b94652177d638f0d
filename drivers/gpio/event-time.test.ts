import assert from "node:assert/strict";
import { test } from "node:test";
import { createEventTime } from "./event-time.ts";

/** Clocks that go on by 0.01 ms with each look. */
function clocks() {
  let now = 1000;
  let unix = 1_800_000_000_000.4;
  let known = true;
  const pass = (ms: number): void => {
    now += ms;
    unix += ms;
  };
  return {
    pass,
    set(ms: number): void {
      unix += ms;
    },
    know(is: boolean): void {
      known = is;
    },
    distance: () => unix - now,
    monotonicMs: () => {
      pass(0.01);
      return now;
    },
    clock: { nowMs: () => Math.floor(unix), monotonicMs: () => 0, known: () => known },
  };
}

test("times are right to microseconds from the first edge on, although the clock counts milliseconds", () => {
  const it = clocks();
  const time = createEventTime(it.clock, it.monotonicMs);
  for (let n = 0; n < 50; n++) {
    const error = time.read()(500)! - (500 + it.distance());
    assert.ok(Math.abs(error) < 0.05, `${error} ms off`);
    it.pass(0.37);
  }
});

test("a clock that is set is followed with the next reading", () => {
  const it = clocks();
  const time = createEventTime(it.clock, it.monotonicMs);
  time.read();
  it.set(-3_600_000.25);
  assert.ok(Math.abs(time.read()(0)! - it.distance()) < 0.05);
});

test("a clock that is not known gives no time, and the right one once it is", () => {
  const it = clocks();
  const time = createEventTime(it.clock, it.monotonicMs);
  it.know(false);
  assert.equal(time.read()(500), undefined);
  it.know(true);
  assert.ok(Math.abs(time.read()(0)! - it.distance()) < 0.05);
});

test("a program that was held up between two looks is not deceived", () => {
  const it = clocks();
  let looks = 0;
  const time = createEventTime(it.clock, () => {
    looks++;
    if (looks % 7 === 0) it.pass(30);
    return it.monotonicMs();
  });
  time.read();
  for (let n = 0; n < 30; n++) assert.ok(Math.abs(time.read()(0)! - it.distance()) < 1.1);
});
