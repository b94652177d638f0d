import assert from "node:assert/strict";
import { test } from "node:test";
import { driver } from "./driver.ts";
import type { RegisterOptions } from "./options.ts";

function schemaOf(register: RegisterOptions): unknown {
  const points = driver.manifest.points({
    host: "localhost",
    units: { a: { unit: 1, registers: { x: { access: "read-write", ...register } } } },
  });
  const { schema } = points.find(({ name }) => name === "a/x")!;
  return schema && JSON.parse(JSON.stringify(schema));
}

test("a point that can be written says what fits: the type's range, scaled, within min and max", () => {
  const number = (minimum?: number, maximum?: number) => ({
    type: "number",
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  });
  const cases: [RegisterOptions, unknown][] = [
    [{ address: 0 }, number(0, 65535)],
    [{ address: 0, type: "int16", scale: 0.1 }, number(-3276.8, 3276.7)],
    [{ address: 0, type: "uint16", scale: -0.1, offset: 5 }, number(-6548.5, 5)],
    [{ address: 0, type: "int16", scale: 0.1, min: 5, max: 30 }, number(5, 30)],
    [{ address: 0, type: "uint16", min: -10, max: 100_000 }, number(0, 65535)],
    [{ address: 0, type: "bcd", registers: 2 }, number(0, 99_999_999)],
    [{ address: 0, type: "uint32" }, number(0, 2 ** 32 - 1)],
    [{ address: 0, type: "float32", max: 16 }, number(undefined, 16)],
    [{ address: 0, type: "int64" }, number()],
    [{ address: 0, type: "bool" }, { type: "boolean" }],
    [{ address: 0, table: "coil" }, { type: "boolean" }],
    [
      { address: 0, type: "string", registers: 4 },
      { type: "string", maxLength: 8 },
    ],
    [{ address: 0, access: "write" }, number(0, 65535)],
    [{ address: 0, access: "read" }, undefined],
  ];
  for (const [register, schema] of cases)
    assert.deepEqual(schemaOf(register), schema, JSON.stringify(register));
});
