import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import type { Sample } from "./contract.ts";
import { checkSamples } from "./sample-check.ts";

const mib = 1024 * 1024;

test("numbers, texts, booleans and data pass, with or without unit and time", () => {
  checkSamples(
    [
      { name: "meter1/voltage", value: 230.5, unit: "V", timeMs: Date.now() },
      { name: "state", value: "x".repeat(65_536) },
      { name: "on", value: false },
      { name: "image", value: new Uint8Array(65_536) },
      { name: "lost", value: null, quality: "bad", reason: "no answer" },
      { name: "drifts", value: 3, quality: "uncertain", reason: "x".repeat(200) },
    ],
    mib,
  );
  checkSamples([], mib);
});

for (const [what, samples, message] of [
  ["a name", [{ name: "a b", value: 1 }], /sample 0: "a b" is no name: use segments/],
  ["a reserved name", [{ name: "a/_b", value: 1 }], /"a\/_b"/],
  ["no number", [{ name: "a", value: Number.NaN }], /^a: NaN can't be stored: it is not finite/],
  ["no value", [{ name: "a" }], /^a: undefined can't be stored: a number, text/],
  ["an object", [{ name: "a", value: {} }], /^a: an object can't be stored/],
  ["a long text", [{ name: "a", value: "ä".repeat(40_000) }], /has 80000 bytes, 65536 are allowed/],
  ["an empty unit", [{ name: "a", value: 1, unit: "" }], /^a: "" is no unit/],
  ["seconds for milliseconds", [{ name: "a", value: 1, timeMs: 1.7e9 }], /^a: 1700000000 is no Unix time/],
  ["a time that is none", [{ name: "a", value: 1, timeMs: Number.NaN }], /NaN is no Unix time/],
  ["the second sample", [{ name: "a", value: 1 }, null], /sample 1 is null/],
  [
    "null that is good",
    [{ name: "a", value: null }],
    /^a: null can't be stored: only a sample of the quality bad/,
  ],
  [
    "null that is uncertain",
    [{ name: "a", value: null, quality: "uncertain" }],
    /only a sample of the quality bad/,
  ],
  ["a quality that is none", [{ name: "a", value: 1, quality: "poor" }], /^a: "poor" is no quality/],
  [
    "a reason for good",
    [{ name: "a", value: 1, reason: "x" }],
    /^a: "x": a reason is for a quality that is not/,
  ],
  [
    "a long reason",
    [{ name: "a", value: 1, quality: "bad", reason: "x".repeat(201) }],
    /the reason has 201 characters, 200 are allowed/,
  ],
  ["a reason that is no text", [{ name: "a", value: 1, quality: "bad", reason: 5 }], /a reason is a text/],
  ["too many", Array(10_001).fill({ name: "a", value: 1 }), /10001 samples at once/],
  ["too much", Array(17).fill({ name: "a", value: "x".repeat(65_536) }), /more than 1048576 bytes at once/],
  ["no array", { name: "a", value: 1 }, /an array is needed/],
] as [string, unknown, RegExp][]) {
  test(`refused, with value and reason: ${what}`, () => {
    assert.throws(
      () => checkSamples(samples as Sample[], mib),
      (error) => isUmecError(error, "EMIT_INVALID") && message.test(error.message),
    );
  });
}
