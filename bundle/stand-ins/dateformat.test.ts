import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import ours from "./dateformat.ts";

/** What it stands for, which only `pino-pretty` brings. */
const theirs = createRequire(import.meta.resolve("pino-pretty"))("dateformat") as typeof ours;

test("the times of log lines are dateformat's", () => {
  for (const date of [
    new Date(2026, 0, 1, 0, 0, 0, 0),
    new Date(2026, 6, 31, 23, 59, 8, 7),
    new Date(1e12 + 456),
  ])
    for (const mask of ["HH:MM:ss.l", "HHMM"]) assert.equal(ours(date, mask), theirs(date, mask));
});

test("a mask with more than that is refused", () => {
  assert.throws(() => ours(new Date(), "yyyy-mm-dd"), /yyyy in the mask of a time/);
});
