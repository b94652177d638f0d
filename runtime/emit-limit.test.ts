import assert from "node:assert/strict";
import { test } from "node:test";
import { EmitLimit } from "./emit-limit.ts";

const rate = { samplesPerS: 10, bytesPerS: 1000 };

test("five seconds' worth goes through at once, then the rate", () => {
  const limit = new EmitLimit(rate, 0);
  let passed = 0;
  for (; limit.isOpen(0); passed++) limit.charge(1, 1);
  assert.equal(passed, 50);
  assert.equal(limit.isOpen(99), true);
  limit.charge(1, 1);
  assert.equal(limit.isOpen(100), false);
});

test("one large pack goes through and its debt is paid before the next", () => {
  const limit = new EmitLimit(rate, 0);
  assert.equal(limit.isOpen(0), true);
  limit.charge(100, 10);
  assert.equal(limit.isOpen(4_900), false);
  assert.equal(limit.isOpen(5_100), true);
});

test("what went through beyond the bucket is told in seconds", () => {
  const limit = new EmitLimit(rate, 0);
  limit.charge(50, 6000);
  assert.equal(limit.overdrawnS, 0);
  limit.charge(15, 1);
  assert.equal(limit.overdrawnS, 1.5);
});

test("bytes count as samples do", () => {
  const limit = new EmitLimit(rate, 0);
  limit.charge(1, 6000);
  assert.equal(limit.isOpen(0), false);
  assert.equal(limit.isOpen(1001), true);
});

test("a new rate holds at once, and a burst shrinks with it", () => {
  const limit = new EmitLimit(rate, 0);
  limit.rate = { samplesPerS: 1, bytesPerS: 1000 };
  assert.equal(limit.isOpen(1), true);
  limit.charge(5, 1);
  assert.equal(limit.isOpen(1), false);
});
