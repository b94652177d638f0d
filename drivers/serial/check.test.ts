import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "./check.ts";
import type { SerialOptions } from "./options.ts";

const path = "/dev/ttyUSB0";
const fields = { t: { column: 0 } };
/** Each finding as `pointer reason`. */
const check = (options: Partial<SerialOptions>): string[] =>
  checkOptions({ path, ...options } as SerialOptions).map(({ pointer, reason }) => `${pointer} ${reason}`);

test("sound options have no findings", () => {
  assert.deepEqual(
    check({ framing: "nmea", nmea: { latencyMs: 100 }, commands: { cold: { send: "x" } } }),
    [],
  );
  assert.deepEqual(check({ framing: "delimiter", fields }), []);
  const frame = { framing: "length", lengthBytes: 4, start: "A", checksum: "sum16be" } as const;
  assert.deepEqual(check({ ...frame, fields: { t: { at: 1, type: "u8", mask: 3, as: "boolean" } } }), []);
  assert.deepEqual(check({ framing: "regex", pattern: "(?<v>\\d+)\\r", fields: { v: { group: "v" } } }), []);
});

test("each mistake is told at its place", () => {
  const group = { v: { group: "v" } };
  const mistakes: [Partial<SerialOptions>, string][] = [
    [{ framing: "nmea", delimiter: "\n" }, "/delimiter framing nmea has no option delimiter"],
    [{ framing: "nmea", fields }, "/fields framing nmea has points of its own, and no fields"],
    [{ framing: "delimiter" }, " framing delimiter needs fields"],
    [
      { framing: "delimiter", fields, delimiter: { hex: "0D0" } },
      "/delimiter/hex 0D0 is 3 digits: two are a byte",
    ],
    [{ framing: "delimiter", fields, init: [{ hex: "0" }] }, "/init/0/hex 0 is 1 digits: two are a byte"],
    [{ framing: "length", fields }, " framing length needs lengthBytes"],
    [
      { framing: "length", lengthBytes: 3, start: "A", checksum: "sum16be", fields },
      "/lengthBytes 3 bytes: start and checksum alone take 3",
    ],
    [{ framing: "regex", fields: group }, " framing regex needs a pattern"],
    [
      { framing: "regex", pattern: "(?<v>\\d+)", fields: group },
      "/pattern its end is open: it would fit half a frame",
    ],
    [
      { framing: "regex", pattern: "(?<v>\\d)$", fields: group },
      "/pattern its end is open: it would fit half a frame",
    ],
    [{ framing: "regex", pattern: "(?<v>a)|", fields: group }, "/pattern it fits nothing at all"],
    [{ framing: "delimiter", fields: group }, "/fields/v/group the pattern has no group v"],
    [{ framing: "regex", pattern: "(?<v>a)", fields }, "/fields/t/column framing regex takes groups only"],
    [
      { framing: "delimiter", fields: { t: {} } },
      "/fields/t one of group, column, pointer and at is needed, here are none",
    ],
    [
      { framing: "delimiter", fields: { t: { at: 0 } } },
      "/fields/t at needs type (a number) or bytes (a text)",
    ],
    [
      { framing: "delimiter", fields: { t: { column: 0, type: "u8" } } },
      "/fields/t/type it goes with at only",
    ],
    [
      { framing: "length", lengthBytes: 2, fields: { "a/b": { at: 1, type: "u16be" } } },
      "/fields/a~1b/at a frame has 2 bytes, it would need more",
    ],
    [
      { framing: "delimiter", fields: { t: { at: 0, type: "f32be", mask: 1 } } },
      "/fields/t/mask a mask needs a type of whole numbers",
    ],
    [
      { framing: "delimiter", fields: { t: { column: 0, as: "text", scale: 2 } } },
      "/fields/t/as scale and offset are for numbers",
    ],
    [
      { framing: "delimiter", fields: { online: { column: 0 } } },
      "/fields/online the name online is taken: it says whether the device sends",
    ],
    [{ framing: "nmea", commands: { fix: { send: "x" } } }, "/commands/fix fix and fix differ in case only"],
    [
      { framing: "nmea", commands: { a: { send: "x", type: "number" } } },
      "/commands/a/send a command with a value needs $value in a text",
    ],
    [{ framing: "nmea", commands: { a: { send: "$value" } } }, "/commands/a $value needs a type"],
    [
      { framing: "nmea", commands: { a: { send: "$value", type: "text", decimals: 1 } } },
      "/commands/a/decimals it is for numbers",
    ],
    [
      { framing: "nmea", commands: { a: { send: "$value", type: "number", minimum: 2, maximum: 1 } } },
      "/commands/a/maximum it is less than minimum",
    ],
    [
      { framing: "nmea", reconnect: { initialMs: 2, maxMs: 1 } },
      "/reconnect/maxMs it is less than initialMs",
    ],
  ];
  for (const [options, finding] of mistakes)
    assert.ok(check(options).includes(finding), `${finding}: ${check(options)}`);
  assert.match(
    check({ framing: "regex", pattern: "(", fields: group })[0]!,
    /^\/pattern Invalid regular expression/,
  );
});
