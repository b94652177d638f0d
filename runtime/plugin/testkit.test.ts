import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import Type from "typebox";
import { defineDriver } from "./contract.ts";
import { startDriver } from "./testkit.ts";

const lamp = defineDriver({
  manifest: {
    name: "lamp",
    version: "1.0.0",
    kind: "low",
    summary: "A lamp.",
    options: Type.Object({}),
    points: () => [
      {
        name: "lamp/level",
        access: "read-write",
        schema: Type.Union([Type.Number({ minimum: 0, maximum: 100 }), Type.Null()]),
      },
      { name: "lamp/power", unit: "W" },
      { name: "lamp/late", access: "write" },
    ],
    needs: () => ({}),
  },
  async run(_options, host, signal) {
    host.onCommand("lamp/level", ({ value, by, withinMs }) => ({ value, by, withinMs }));
    host.onCommand("lamp/own", () => 1n);
    assert.throws(() => host.onCommand("lamp//level", () => {}), { code: "COMMAND_POINT" });
    if (!signal.aborted) await once(signal, "abort");
  },
});

test("a command that the node would refuse is refused in a driver's test, with the node's own code", async () => {
  await using run = startDriver(lamp, {});
  assert.deepEqual(await run.command("lamp/level", 80), { value: 80, by: "test", withinMs: 30_000 });
  for (const [point, value, code] of [
    ["lamp/level", 101, "COMMAND_INVALID"],
    ["lamp/level", "80", "COMMAND_INVALID"],
    ["lamp/power", 5, "COMMAND_READ_ONLY"],
    ["lamp/levle", 5, "COMMAND_UNKNOWN"],
    ["lamp/late", 5, "COMMAND_NOT_READY"],
  ] as const)
    await assert.rejects(run.command(point, value), { code }, `${point} ${value}`);
});

test("a value comes as JSON brings it, and a reply that JSON can't say is an error", async () => {
  await using run = startDriver(lamp, {});
  assert.deepEqual(await run.command("lamp/level", Number.NaN), {
    value: null,
    by: "test",
    withinMs: 30_000,
  });
  await assert.rejects(run.command("lamp/own"), TypeError);
});
