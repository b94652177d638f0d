import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { createUnitHealth, type UnitHealth } from "./units.ts";

interface World {
  health: UnitHealth;
  clock: { nowMs: number };
  told: boolean[];
  recovered: number;
  waits: number[];
}

function world(): World {
  const here: World = { health: undefined as never, clock: { nowMs: 0 }, told: [], recovered: 0, waits: [] };
  here.health = createUnitHealth({
    name: "meter1",
    nowMs: () => here.clock.nowMs,
    timeoutMs: 100,
    backoff: { initialMs: 1000, maxMs: 8000 },
    onChange: (online) => here.told.push(online),
    onRecovered: () => here.recovered++,
    onQuarantine: (ms) => here.waits.push(ms),
  });
  return here;
}

const inQuarantine = (error: unknown): boolean => isUmecError(error, "MODBUS_UNIT_OFFLINE");

test("a silent unit gets one probe for each backoff, and the backoff doubles up to its limit", () => {
  const { health, clock, waits } = world();
  for (let i = 0; i < 8; i++) {
    const admission = health.admit();
    // From the second on it is a probe, which only one may send.
    if (i > 0) assert.throws(() => health.admit(), inQuarantine);
    clock.nowMs += 100;
    health.silent(admission);
    assert.throws(() => health.admit(), inQuarantine);
    clock.nowMs += waits.at(-1)!;
  }
  for (const [i, wait] of waits.entries()) {
    const full = Math.min(8000, 1000 * 2 ** i);
    assert.ok(wait >= full / 2 - 1 && wait <= full, `wait ${i} is ${wait}`);
  }
});

test("one silence is not told, two in a row are, and an answer ends it", () => {
  const here = world();
  const { health, clock, told, waits } = here;
  health.answered();
  health.silent(health.admit());
  assert.deepEqual(told, [true]);
  clock.nowMs += waits.at(-1)!;
  health.silent(health.admit());
  assert.deepEqual(told, [true, false]);
  assert.equal(here.recovered, 0);
  health.answered();
  assert.deepEqual(told, [true, false, true]);
  assert.equal(here.recovered, 1);
  health.admit();
});

test("what was under way when the unit fell silent counts once, and is given up", () => {
  const { health, told, waits } = world();
  const [a, b, c] = [health.admit(), health.admit(), health.admit()];
  health.silent(a);
  assert.ok(c.signal.aborted && inQuarantine(c.signal.reason));
  health.silent(b);
  health.disconnected(c);
  assert.equal(waits.length, 1);
  assert.deepEqual(told, []);
});

test("a new connection ends the quarantine", () => {
  const { health, told } = world();
  health.silent(health.admit());
  health.unreachable();
  assert.deepEqual(told, [false]);
  health.reconnected();
  assert.equal(health.admit().signal.aborted, false);
});

test("one damaged reply is not told and not punished; two in a row are, and so is one after silence", () => {
  const here = world();
  const { health, told, waits } = here;
  health.answered();
  health.damaged(health.admit());
  assert.deepEqual([told, waits], [[true], []]);
  health.answered();
  health.damaged(health.admit());
  health.damaged(health.admit());
  assert.deepEqual(told, [true, false]);
  assert.equal(waits.length, 1);
  assert.throws(() => health.admit(), inQuarantine);
  health.answered();
  health.silent(health.admit());
  here.clock.nowMs += waits.at(-1)!;
  health.damaged(health.admit());
  assert.equal(waits.length, 3);
});
