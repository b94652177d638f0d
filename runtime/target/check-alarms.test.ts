import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { type Driver, defineDriver } from "../plugin/contract.ts";
import { checkTarget } from "./check.ts";
import { clickDriver } from "./fixtures/drivers.ts";

const lamp = defineDriver({
  manifest: {
    ...clickDriver.manifest,
    points: () => [
      { name: "lamp/level", access: "read-write", schema: Type.Number({ minimum: 0, maximum: 100 }) },
      { name: "lamp/reset", access: "write" },
      { name: "lamp/power", unit: "W" },
    ],
  },
  run: async () => {},
});

async function check(more: Record<string, unknown>, plugin: Record<string, unknown> = {}) {
  const plugins = { hall: { driver: "click", ...plugin }, ...(more.plugins as object | undefined) };
  const text = JSON.stringify({ node: "n1", ...more, plugins });
  const drivers = { names: () => ["click"], load: async () => lamp as unknown as Driver };
  const { target, findings } = await checkTarget(text, { path: "/etc/node.yaml", drivers });
  const said = findings.map(({ pointer, reason, hint, severity }) =>
    [severity === "warning" ? "warning" : "", pointer, reason, hint ?? ""].join("|"),
  );
  return { target, said };
}

test("alarms and safe values are resolved, with their defaults", async () => {
  const { target, said } = await check(
    {
      alarms: {
        dim: { point: "hall/lamp/level", below: 10 },
        bright: { point: "hall/lamp/power", above: 90 },
      },
    },
    { safe: { "lamp/level": { value: 0, afterMs: 30_000 }, "lamp/reset": { value: null, afterMs: 100 } } },
  );
  assert.deepEqual(said, []);
  assert.deepEqual(target?.alarms, [
    {
      name: "bright",
      plugin: "hall",
      point: "lamp/power",
      condition: { kind: "above", limit: 90, hysteresis: 0 },
      holdMs: 0,
      clearHoldMs: 5000,
      severity: "warning",
    },
    {
      name: "dim",
      plugin: "hall",
      point: "lamp/level",
      condition: { kind: "below", limit: 10, hysteresis: 0 },
      holdMs: 0,
      clearHoldMs: 5000,
      severity: "warning",
    },
  ]);
  assert.deepEqual(target?.plugins[0]?.safe?.["lamp/level"], { value: 0, afterMs: 30_000 });
  assert.equal("safe" in (await check({})).target!.plugins[0]!, false);
});

for (const [what, alarm, finding] of [
  ["no condition", {}, "|/alarms/a|it has no condition|give it one of above, below, equals, quality"],
  [
    "two",
    { above: 1, quality: "bad" },
    "|/alarms/a|it has 2 conditions: above, quality|make an alarm of each",
  ],
  [
    "a hysteresis of a text",
    { equals: "on", hysteresis: 2 },
    "|/alarms/a/hysteresis|equals has no hysteresis|use holdMs and clearHoldMs",
  ],
  [
    "an unknown plugin",
    { above: 1, point: "hal/lamp/level" },
    "|/alarms/a/point|there is no plugin hal|did you mean hall?",
  ],
  [
    "an unknown point, which is only doubtful",
    { above: 1, point: "hall/lamp/levle" },
    "warning|/alarms/a/point|the driver of hall does not list the point lamp/levle: the alarm may never be raised|did you mean lamp/level?",
  ],
  [
    "a point without a plugin",
    { above: 1, point: "lamp" },
    "|/alarms/a/point|must be plugin/device/quantity, such as meter/line/voltage|",
  ],
] as const) {
  test(`an alarm with ${what}`, async () => {
    const { said } = await check({ alarms: { a: { point: "hall/lamp/level", ...alarm } } });
    assert.deepEqual(said, [finding]);
  });
}

test("the plugin name `alarms` is the node's own", async () => {
  const { said } = await check({ plugins: { alarms: { driver: "click" } } });
  assert.deepEqual(said, ["|/plugins/alarms|this name is the node's own|call it otherwise"]);
});

for (const [what, point, value, finding] of [
  [
    "a point that is not there",
    "lamp/levle",
    0,
    "|/plugins/hall/safe/lamp~1levle|the plugin has no such point|did you mean lamp/level?",
  ],
  [
    "a point that can only be read",
    "lamp/power",
    0,
    "|/plugins/hall/safe/lamp~1power|this point can only be read|",
  ],
  [
    "a value that does not fit",
    "lamp/level",
    140,
    "|/plugins/hall/safe/lamp~1level/value|must be <= 100|allowed: a number from 0 to 100",
  ],
] as const) {
  test(`a safe value for ${what}`, async () => {
    const { said } = await check({}, { safe: { [point]: { value, afterMs: 30_000 } } });
    assert.deepEqual(said, [finding]);
  });
}
