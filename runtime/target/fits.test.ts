import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { parse } from "yaml";
import { createRandom } from "../api/http/test-random.ts";
import { cardSchema } from "../commission/card-schema.ts";
import { createCompiler } from "./compile.ts";
import { fillDefaults } from "./defaults.ts";
import { surelyFits } from "./fits.ts";
import { clickDriver, meterDriver } from "./fixtures/drivers.ts";
import { targetSchema } from "./schema.ts";

const target = parse(`
node: lamp-0042
data: ./data
link: { hub: ["tls://hub.example:7422"], credentials: hub.creds }
outbox: { quotaBytes: 1048576 }
plugins:
  a: { driver: modbus, options: { line: { port: /dev/ttyS1, units: [1, 2] } }, safe: { relay: { value: false, afterMs: 5000 } } }
  b: { exec: [/bin/true, x], memoryBytes: 9000000, points: { p: { unit: Cel, schema: { type: number } } } }
alarms: { hot: { point: a/oven/temperature, above: 70.5 } }
`);
const card = { node: "lamp-0042", target: { plugins: {} }, hub: { urls: ["tls://hub.example"], token: "x" } };
const options = {
  line: { transport: "tcp", host: "h", port: 502 },
  intervalMs: 1000,
  registers: [{ name: "r", address: 1, scale: 0.5 }],
};
const everything = {
  type: ["object", "null"],
  properties: { a: { oneOf: [{ type: "integer", minimum: 3 }, { maximum: 5 }] }, b: { not: { const: 1 } } },
  patternProperties: { "^x": { enum: [1, "two", null, true] } },
  additionalProperties: { type: "array", items: { pattern: "^é?.$" }, minItems: 1, maxItems: 2 },
  propertyNames: { minLength: 1, maxLength: 2 },
  minProperties: 1,
  maxProperties: 4,
  allOf: [{ required: ["a"] }, { anyOf: [true, false] }],
};
const table: readonly [string, object, unknown][] = [
  ["node.yaml", targetSchema, target],
  ["umec.json", cardSchema, card],
  ["options with a union", meterDriver.manifest.options, options],
  ["few options", clickDriver.manifest.options, { line: 4 }],
  ["every keyword", everything, { a: 7, b: 2, x: "two", é: ["é😀", "é"] }],
  ["bounds", Type.Array(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 9 })), [1, 8.5]],
];

for (const [what, schema, first] of table) {
  test(`says of ${what} what Ajv says, however it is changed`, () => {
    const validate = createCompiler().compile(schema);
    const random = createRandom(20);
    const draw = (below: number) => Math.floor(random() * below);
    const whole = fillDefaults(schema, first);
    assert.ok(validate(whole), JSON.stringify(validate.errors));
    const answers = new Map([
      [true, 0],
      [false, 0],
    ]);
    const plain = [
      undefined,
      null,
      true,
      false,
      0,
      -1,
      1,
      3.5,
      5,
      70_000,
      1e300,
      Number.NaN,
      "",
      "two",
      "😀é",
      "tcp",
    ];
    const values = [...plain, [], [1], {}, { a: 1 }];
    for (let round = 0; round < 3000; round++) {
      let value: unknown = structuredClone(whole);
      for (let change = draw(4); change > 0; change--) value = changed(value, values, draw);
      const wanted = validate(value);
      assert.equal(surelyFits(schema, value), wanted, JSON.stringify(value));
      answers.set(wanted, answers.get(wanted)! + 1);
    }
    for (const [answer, times] of answers) assert.ok(times > 100, `${answer}: ${times} times`);
  });
}

test("leaves to Ajv what it does not know", () => {
  const unknown: readonly [schema: object, value: unknown][] = [
    [{ $ref: "#/x" }, 1],
    [{ multipleOf: 2 }, 2],
    [{ contains: true }, [1]],
    [{ uniqueItems: true }, [{}, { a: 1 }]],
    [{ enum: [{ a: 1 }] }, { a: 1 }],
    [{ type: "text" }, "x"],
    [{ pattern: "(" }, "("],
    [{ minimum: "1" }, 1],
    [{ required: [1] }, { 1: 1 }],
    [{ items: 1 }, [1]],
  ];
  for (const [schema, value] of unknown) {
    assert.equal(surelyFits(schema, value), false, JSON.stringify(schema));
    assert.equal(surelyFits({ anyOf: [schema, true] }, value), false, JSON.stringify(schema));
  }
});

/** A copy in which something is changed, or taken away, or new. */
function changed(value: unknown, values: readonly unknown[], draw: (below: number) => number): unknown {
  const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (draw(5) === 0 || typeof value !== "object" || value === null)
    return structuredClone(values[draw(values.length)]);
  const names = ["x", "constructor", "node", "ab", "é", ""];
  const key = draw(3) === 0 || keys.length === 0 ? names[draw(names.length)]! : keys[draw(keys.length)]!;
  if (Array.isArray(value)) return draw(2) === 0 ? [...value, values[draw(values.length)]] : value.slice(1);
  const { [key]: old, ...rest } = value as Record<string, unknown>;
  return draw(4) === 0 ? rest : { ...rest, [key]: changed(old, values, draw) };
}
