import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { combinedSchema } from "./combined-schema.ts";
import { clickDriver, meterDriver } from "./fixtures/drivers.ts";
import { isRecord } from "./json.ts";
import { targetSchema } from "./schema.ts";

type Key = { path: string; schema: Record<string, unknown>; optional: boolean };

function keysOf(schema: unknown, path = ""): Key[] {
  if (!isRecord(schema)) return [];
  const required = (schema.required ?? []) as string[];
  const properties = Object.entries(isRecord(schema.properties) ? schema.properties : {});
  return [
    ...properties.flatMap(([key, part]) => [
      { path: `${path}/${key}`, schema: part as Record<string, unknown>, optional: !required.includes(key) },
      ...keysOf(part, `${path}/${key}`),
    ]),
    ...keysOf(schema.additionalProperties, `${path}/*`),
  ];
}

test("every key has a description, and a default when it may be left out", () => {
  const keys = keysOf(targetSchema);
  assert.equal(keys.length, 96);
  assert.deepEqual(
    keys.filter(({ schema }) => typeof schema.description !== "string").map(({ path }) => path),
    [],
  );
  assert.deepEqual(
    keys.filter(({ schema, optional }) => optional && !("default" in schema)).map(({ path }) => path),
    [
      "/link",
      "/link/credentials",
      "/link/ca",
      "/update/window",
      "/plugins/*/driver",
      "/plugins/*/exec",
      "/plugins/*/isolate",
      "/plugins/*/memoryBytes",
      "/plugins/*/cpuPercent",
      "/plugins/*/devices",
      "/plugins/*/deadlineMs",
      "/plugins/*/points",
      "/plugins/*/points/*/summary",
      "/plugins/*/points/*/unit",
      "/plugins/*/points/*/schema",
      "/plugins/*/limits/samplesPerS",
      "/plugins/*/limits/bytesPerS",
      "/plugins/*/safe",
      "/alarms/*/above",
      "/alarms/*/below",
      "/alarms/*/equals",
      "/alarms/*/quality",
      "/api",
      "/api/url",
      "/api/tls",
      "/api/clientCa",
      "/api/bus",
      "/api/bus/host",
      "/apps/*/appInstanceId",
      "/apps/*/secretSha256",
    ],
    "the keys whose default is to be absent, or another one for a program",
  );
});

test("defaults and examples are valid by their own schema", () => {
  const ajv = new Ajv2020({ strict: false });
  const { $id: _, ...root } = targetSchema as typeof targetSchema & { $id: string };
  for (const { path, schema } of [{ path: "", schema: root as Record<string, unknown> }, ...keysOf(root)]) {
    const validate = ajv.compile(schema);
    const values = [...("default" in schema ? [schema.default] : []), ...((schema.examples ?? []) as [])];
    for (const value of values) assert.ok(validate(value), `${path}: ${JSON.stringify(value)}`);
  }
});

const combined = () => combinedSchema([meterDriver.manifest, clickDriver.manifest]);

function validator() {
  return new Ajv2020({ strict: false, allErrors: true }).compile(combined());
}

test("the combined schema judges options by the driver", () => {
  const validate = validator();
  const plugin = (value: unknown) => validate({ node: "a", plugins: { p: value } });
  assert.ok(plugin({ driver: "click", options: { line: 3 } }), JSON.stringify(validate.errors));
  assert.ok(plugin({ driver: "click" }), "keys with a default may be left out");
  assert.ok(!plugin({ driver: "click", options: { line: "x" } }));
  assert.ok(!plugin({ driver: "meter" }), "options with required keys are required");
  assert.ok(!plugin({ driver: "other" }));
});

test("the combined schema is plain JSON that does not depend on the drivers' order", () => {
  const turned = combinedSchema([clickDriver.manifest, meterDriver.manifest]);
  assert.equal(JSON.stringify(turned), JSON.stringify(combined()));
  assert.deepEqual(JSON.parse(JSON.stringify(turned)), turned);
});

test("references inside a driver's schema still hold in the combined one", () => {
  const options = {
    $id: "urn:test:chain",
    type: "object",
    properties: { next: { $ref: "#" }, size: { $ref: "#/$defs/size" } },
    $defs: { size: { type: "integer" } },
    additionalProperties: false,
  };
  const schema = combinedSchema([{ name: "chain", summary: "A chain.", options }]);
  const validate = new Ajv2020({ strict: false }).compile(schema);
  const plugin = (value: unknown) =>
    validate({ node: "a", plugins: { p: { driver: "chain", options: value } } });
  assert.ok(plugin({ next: { next: { size: 1 } } }));
  assert.ok(!plugin({ next: { next: { size: "x" } } }));
});
