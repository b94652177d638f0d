import assert from "node:assert/strict";
import { test } from "node:test";
import { convert } from "./convert.ts";

const rule = { type: "number", coerce: false, scale: 1, offset: 0 } as const;

test("numbers are scaled first, then moved", () => {
  assert.deepEqual(convert(50, { ...rule, scale: 1.8, offset: 32 }), { value: 122 });
});

test("without coerce only the type itself is taken, and it is told what was there", () => {
  const cases = [
    ["21.5", "number", 'the string "21.5", no number'],
    [true, "number", "the boolean true, no number"],
    [1, "boolean", "the number 1, no boolean"],
    [1, "string", "the number 1, no string"],
    [[1, 2], "number", "an array of 2, no number"],
    [{ a: 1, b: 2 }, "string", "an object with a, b, no string"],
    ["x".repeat(500), "number", "a string of 500 characters, no number"],
  ] as const;
  for (const [found, type, reason] of cases) {
    const converted = convert(found, { ...rule, type });
    assert.equal("reason" in converted && converted.reason, reason);
  }
});

test("coerce takes what plainly says the same", () => {
  const cases = [
    ["21.5", "number", 21.5],
    [" -3e2 ", "number", -300],
    [21.5, "string", "21.5"],
    [false, "string", "false"],
    ["ON", "boolean", true],
    ["0", "boolean", false],
    [1, "boolean", true],
    [0, "boolean", false],
  ] as const;
  for (const [found, type, value] of cases)
    assert.deepEqual(convert(found, { ...rule, type, coerce: true }), { value });
});

test("coerce guesses nothing", () => {
  const cases = [
    ["", "number"],
    [" ", "number"],
    ["0x10", "number"],
    ["1,5", "number"],
    ["21.5 °C", "number"],
    ["Infinity", "number"],
    [true, "number"],
    [2, "boolean"],
    ["maybe", "boolean"],
    [[], "string"],
    [["1"], "boolean"],
  ] as const;
  for (const [found, type] of cases)
    assert.ok("reason" in convert(found, { ...rule, type, coerce: true }), JSON.stringify(found));
});

test("no sample is infinite", () => {
  for (const text of ["1e999", "-1e999"])
    assert.deepEqual(convert(JSON.parse(text), rule), { kind: "overflow", reason: "a number too large" });
  assert.ok("reason" in convert(1e300, { ...rule, scale: 1e300 }));
  assert.ok("reason" in convert("1e999", { ...rule, coerce: true }));
});
