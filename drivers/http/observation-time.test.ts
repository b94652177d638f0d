import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readTime } from "./observation-time.ts";

test("reads RFC 3339 with any offset, fraction and case", () => {
  const timeMs = Date.UTC(2026, 6, 1, 12, 30, 5);
  const same = [
    "2026-07-01T12:30:05Z",
    "2026-07-01t12:30:05z",
    "2026-07-01 12:30:05+00:00",
    "2026-07-01T14:30:05+02:00",
    "2026-07-01T07:00:05-05:30",
    "2026-07-01T12:30:05-00:00",
  ];
  for (const text of same) assert.deepEqual(readTime(text, "rfc3339"), { timeMs }, text);
  assert.deepEqual(readTime("2026-07-01T12:30:05.57Z", "rfc3339"), { timeMs: timeMs + 570 });
  assert.deepEqual(readTime("2026-07-01T12:30:05.123456789Z", "rfc3339"), { timeMs: timeMs + 123 });
});

test("reads back every time that toISOString writes", () => {
  const date = fc.date({ min: new Date("1979-01-01"), max: new Date("9999-01-01"), noInvalidDate: true });
  fc.assert(
    fc.property(date, (at) =>
      assert.deepEqual(readTime(at.toISOString(), "rfc3339"), { timeMs: at.getTime() }),
    ),
  );
});

test("a leap second is the second behind it", () => {
  assert.deepEqual(readTime("2016-12-31T23:59:60Z", "rfc3339"), { timeMs: Date.UTC(2017, 0, 1) });
});

test("reads seconds and milliseconds, also in strings", () => {
  assert.deepEqual(readTime(1_780_000_000, "unix-s"), { timeMs: 1_780_000_000_000 });
  assert.deepEqual(readTime(1_780_000_000.25, "unix-s"), { timeMs: 1_780_000_000_250 });
  assert.deepEqual(readTime("1780000000", "unix-s"), { timeMs: 1_780_000_000_000 });
  assert.deepEqual(readTime(1_780_000_000_123, "unix-ms"), { timeMs: 1_780_000_000_123 });
});

test("refuses what is no such time", () => {
  const wrong = [
    "2026-02-30T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-07-01T24:00:00Z",
    "2026-07-01T12:30:05",
    "2026-07-01",
    "yesterday",
    "",
    null,
    1_780_000_000,
    {},
  ];
  for (const found of wrong) assert.ok("reason" in readTime(found, "rfc3339"), JSON.stringify(found));
  for (const found of ["soon", true, null, []]) assert.ok("reason" in readTime(found, "unix-s"));
});

test("refuses times that SenML would read as relative, and such that come from a wrong unit", () => {
  for (const [found, format] of [
    [0, "unix-s"],
    [1_780_000_000, "unix-ms"],
    [1_780_000_000_000, "unix-s"],
    ["1970-01-01T00:00:00Z", "rfc3339"],
    ["0080-01-01T00:00:00Z", "rfc3339"],
  ] as const)
    assert.ok("reason" in readTime(found, format), `${found} ${format}`);
});
