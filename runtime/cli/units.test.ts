import assert from "node:assert/strict";
import { test } from "node:test";
import { showProgress } from "./progress.ts";
import {
  bytesArgument,
  durationArgument,
  formatBytes,
  formatCount,
  formatDuration,
  integerArgument,
  timeArgument,
} from "./units.ts";

test("sizes, durations and counts are short, and never rounded to nothing", () => {
  assert.deepEqual([0, 1023, 1024, 1536, 200 * 2 ** 20, 3 * 2 ** 40].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.5 KiB",
    "200 MiB",
    "3.0 TiB",
  ]);
  assert.deepEqual([-5, 59_999, 61_000, 3_700_000, 49 * 3_600_000].map(formatDuration), [
    "0 s",
    "59 s",
    "1 min 1 s",
    "1 h 1 min",
    "2 d 1 h",
  ]);
  assert.deepEqual([0.123, 12.34, 1234.5].map(formatCount), ["0.12", "12.3", "1,235"]);
});

test("arguments are read with their units, and wrong ones are refused with the form that is right", () => {
  assert.equal(bytesArgument("10GiB"), 10 * 2 ** 30);
  assert.equal(bytesArgument("4096"), 4096);
  assert.equal(durationArgument("90d"), 90 * 86_400_000);
  assert.equal(integerArgument(1, 5)("5"), 5);
  assert.equal(timeArgument("2026-03-01T12:00:00Z"), Date.UTC(2026, 2, 1, 12));
  assert.ok(Math.abs(timeArgument("2h") - (Date.now() - 7_200_000)) < 5000);
  for (const wrong of ["", "0", "-1", "10GB", "ten"])
    assert.throws(() => bytesArgument(wrong), /10GiB/, wrong);
  for (const wrong of ["", "5", "1y", "1.5h"]) assert.throws(() => durationArgument(wrong), /30d/, wrong);
  for (const wrong of ["0", "6", "1.5", ""])
    assert.throws(() => integerArgument(1, 5)(wrong), /1 to 5/, wrong);
  for (const wrong of ["", "noon", "5", "2026-13-01"]) assert.throws(() => timeArgument(wrong), /2h/, wrong);
});

test("progress is drawn on a terminal alone, at most ten times a second, and leaves nothing behind", () => {
  const drawn: string[] = [];
  const write = (text: string) => drawn.push(text);
  {
    using progress = showProgress({ isTTY: true, write }, "reading");
    for (let i = 0; i <= 1000; i++) progress.update(i, 2000);
  }
  assert.match(drawn[0]!, /^\rreading \[-{30}\] 0 %$/);
  assert.ok(drawn.length < 10);
  assert.equal(drawn.at(-1), "\r\x1b[K");
  drawn.length = 0;
  {
    using progress = showProgress({ write }, "reading");
    progress.update(1, 2);
  }
  assert.deepEqual(drawn, []);
});
