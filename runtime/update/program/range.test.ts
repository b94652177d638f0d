import assert from "node:assert/strict";
import { test } from "node:test";
import { isRange, satisfies } from "./range.ts";

test("all comparators of a range must hold", () => {
  assert.ok(satisfies("24.21.0", ">=24.21.0 <25.0.0-0"));
  assert.ok(satisfies("24.99.1", ">=24.21.0 <25.0.0-0"));
  assert.ok(!satisfies("24.20.9", ">=24.21.0 <25.0.0-0"));
  assert.ok(!satisfies("25.0.0-rc.1", ">=24.21.0 <25.0.0-0"));
  assert.ok(satisfies("1.0.0", "=1.0.0") && !satisfies("1.0.1", "=1.0.0"));
  assert.ok(!satisfies("1.0.0", ">1.0.0") && satisfies("1.0.0", "<=1.0.0"));
  assert.ok(!satisfies("something", ">=0.0.0"));
});

test("what is no range is known", () => {
  for (const text of ["", "*", "1.0.0", "^1.0.0", ">=1.0", ">=1.0.0 ||", undefined])
    assert.ok(!isRange(text), text);
  assert.ok(isRange(">=0.1.0"));
});
