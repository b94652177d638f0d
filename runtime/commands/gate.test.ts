import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { isUmecError, type UmecError } from "../errors.ts";
import type { Point } from "../plugin/contract.ts";
import { makeGate } from "./gate.ts";

const points: Point[] = [
  { name: "lamp/level", access: "read-write", schema: Type.Number({ minimum: 0, maximum: 100 }) },
  { name: "lamp/mode", access: "write", schema: Type.Enum(["eco", "full"]) },
  { name: "lamp/on", access: "write", schema: Type.Boolean() },
  { name: "lamp/reset", access: "write" },
  { name: "lamp/power", unit: "W" },
  {
    name: "lamp/scene",
    access: "write",
    schema: Type.Object({ red: Type.Integer({ minimum: 0, maximum: 255 }) }, { additionalProperties: false }),
  },
];
const gate = makeGate(points);

async function refusal(point: string, value: unknown, handled: string[] = []): Promise<UmecError> {
  const error = await gate.check(point, value, handled).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  assert.ok(isUmecError(error), String(error));
  return error;
}

test("what fits its point's schema passes, and any value where there is none", async () => {
  await gate.check("lamp/level", 80, []);
  await gate.check("lamp/mode", "eco", []);
  await gate.check("lamp/scene", { red: 255 }, []);
  await gate.check("lamp/reset", undefined, []);
  await gate.check("lamp/reset", { any: ["thing"] }, []);
});

for (const [point, value, message, hint] of [
  ["lamp/level", 140, "lamp/level: 140: must be <= 100", "allowed: a number from 0 to 100"],
  ["lamp/level", "80", 'lamp/level: "80": must be a number', "remove the quotes"],
  ["lamp/level", undefined, "lamp/level: no value: must be a number", /value/],
  ["lamp/mode", "ecoo", 'lamp/mode: "ecoo": must be one of eco, full', "did you mean eco?"],
  ["lamp/on", 1, "lamp/on: 1: must be true or false", "allowed: true, false"],
  [
    "lamp/scene",
    { red: 300 },
    'lamp/scene: {"red":300}: must be <= 255 at /red',
    "allowed: a whole number from 0 to 255",
  ],
] as const) {
  test(`refused with value, reason, place and what is allowed: ${point} = ${JSON.stringify(value)}`, async () => {
    const error = await refusal(point, value);
    assert.equal(error.code, "COMMAND_INVALID");
    assert.equal(error.message, message);
    if (typeof hint === "string") assert.equal(error.hint, hint);
    else assert.match(error.hint ?? "", hint);
  });
}

test("a point that can only be read is refused, also when the driver would take anything", async () => {
  const error = await refusal("lamp/power", 5, ["*"]);
  assert.equal(error.code, "COMMAND_READ_ONLY");
  assert.match(error.hint ?? "", /^to be written: lamp\/level, lamp\/mode/);
});

test("a point that nobody knows is refused with the nearest name; a handler's own is let through", async () => {
  const error = await refusal("lamp/levle", 5, ["lamp/other"]);
  assert.deepEqual([error.code, error.message], ["COMMAND_UNKNOWN", "nothing takes commands at lamp/levle"]);
  assert.match(error.hint ?? "", /^did you mean lamp\/level\? \(it takes them at .*lamp\/other\)$/);
  await gate.check("lamp/other", 5, ["lamp/other"]);
  await gate.check("lamp/any", 5, ["*"]);
  await assert.rejects(makeGate([]).check("a", 1, []), { hint: "the plugin takes no commands" });
});

test("commands for one point keep their order, the first one included", async () => {
  const fresh = makeGate(points);
  const order: number[] = [];
  const check = (level: number) => fresh.check("lamp/level", level, []).then(() => order.push(level));
  await Promise.all([1, 2, 3].map(check));
  await Promise.all([4, 5].map(check));
  assert.deepEqual(order, [1, 2, 3, 4, 5]);
});
