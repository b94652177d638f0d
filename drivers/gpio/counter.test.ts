import assert from "node:assert/strict";
import { test } from "node:test";
import { createCounter } from "./counter.ts";

const edge = (rising: boolean, lost = 0) => ({ offset: 0, rising, atMs: 0, lost });

test("with one kind of edge each is a pulse, those that went missing too", () => {
  const counter = createCounter("falling", 100, 0);
  counter.add(edge(false));
  counter.add(edge(false, 4));
  assert.equal(counter.total, 106);
});

test("with both kinds rising edges are pulses, and of those that went missing every other one", () => {
  for (const [before, lost, after, pulses] of [
    [false, 0, true, 1],
    [true, 0, false, 0],
    [false, 1, false, 1],
    [true, 1, true, 1],
    [false, 2, true, 2],
    [true, 3, true, 2],
  ] as const) {
    const counter = createCounter("both", 0, 0);
    counter.add(edge(before));
    const from = counter.total;
    counter.add(edge(after, lost));
    assert.equal(counter.total - from, pulses, `${before} ${lost} ${after}`);
  }
});

test("the rate is of the time since the last report, and a total that is set is no pulse", () => {
  const counter = createCounter("rising", 0, 1000);
  for (let n = 0; n < 30; n++) counter.add(edge(true));
  assert.deepEqual(counter.rate(11_000), { perS: 3, lost: 0 });
  counter.set(1_000_000);
  counter.add(edge(true, 1));
  assert.deepEqual(counter.rate(12_000), { perS: 2, lost: 1 });
  assert.deepEqual(counter.rate(12_000), { perS: 0, lost: 0 });
});
