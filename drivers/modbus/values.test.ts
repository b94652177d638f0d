import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { createCodec, type ValueSpec, type ValueType } from "./values.ts";
import { wordOrders } from "./words.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const holding = (spec: Omit<ValueSpec, "table">): ReturnType<typeof createCodec> =>
  createCodec({ table: "holding", ...spec });
const refused = (error: unknown): boolean => isUmecError(error, "MODBUS_VALUE");

test("each word order reads the same number", () => {
  for (const [wordOrder, wire] of [
    ["ABCD", "1234 5678"],
    ["CDAB", "5678 1234"],
    ["BADC", "3412 7856"],
    ["DCBA", "7856 3412"],
  ] as const) {
    assert.equal(holding({ type: "uint32", wordOrder }).decode(hex(`ffff ${wire}`), 1), 0x12345678);
  }
  for (const [wordOrder, wire] of [
    ["ABCD", "0001 0203 0405 0607"],
    ["CDAB", "0607 0405 0203 0001"],
    ["BADC", "0100 0302 0504 0706"],
    ["DCBA", "0706 0504 0302 0100"],
  ] as const) {
    assert.equal(holding({ type: "uint64", wordOrder }).decode(hex(wire), 0), 0x0001020304050607);
  }
  assert.equal(holding({ type: "uint16", wordOrder: "DCBA" }).decode(hex("3412"), 0), 0x1234);
});

test("every type reads what is on the wire", () => {
  const cases: [Omit<ValueSpec, "table">, string, number | boolean | string][] = [
    [{ type: "int16" }, "fffe", -2],
    [{ type: "uint16" }, "fffe", 65534],
    [{ type: "int32" }, "ffff fffe", -2],
    [{ type: "uint32" }, "ffff fffe", 4294967294],
    [{ type: "int64" }, "ffff ffff ffff fffe", -2],
    [{ type: "uint64" }, "001f ffff ffff ffff", Number.MAX_SAFE_INTEGER],
    [{ type: "float32" }, "4366 8000", 230.5],
    [{ type: "float64" }, "406c d000 0000 0000", 230.5],
    [{ type: "bool" }, "0002", true],
    [{ type: "bool" }, "0000", false],
    [{ type: "bool", bit: 1 }, "0002", true],
    [{ type: "bool", bit: 0 }, "0002", false],
    [{ type: "bcd" }, "1234", 1234],
    [{ type: "bcd", registers: 2 }, "0012 3456", 123456],
    [{ type: "string", registers: 3 }, "4142 4320 0058", "ABC"],
    [{ type: "string", registers: 2, wordOrder: "BADC" }, "4241 4443", "ABCD"],
    [{ type: "uint16", bit: 4, bits: 3 }, "00d0", 5],
    [{ type: "uint32", bit: 24, bits: 8 }, "fe00 0001", 0xfe],
    [{ type: "int16", scale: 0.1 }, "08fd", 230.1],
    [{ type: "int16", scale: 10, offset: -5 }, "0003", 25],
  ];
  for (const [spec, wire, value] of cases) assert.equal(holding(spec).decode(hex(wire), 0), value);
  const coil = createCodec({ table: "coil", type: "bool" });
  assert.deepEqual(
    Array.from({ length: 10 }, (_, i) => coil.decode(hex("cd 01"), i)),
    [1, 0, 1, 1, 0, 0, 1, 1, 1, 0].map(Boolean),
  );
});

test("what is no number is refused, not rounded", () => {
  assert.throws(() => holding({ type: "float32" }).decode(hex("7fc0 0000"), 0), refused);
  assert.throws(() => holding({ type: "uint64" }).decode(hex("ffff ffff ffff ffff"), 0), refused);
  assert.throws(() => holding({ type: "int64" }).decode(hex("8000 0000 0000 0000"), 0), refused);
  assert.throws(() => holding({ type: "bcd" }).decode(hex("12a4"), 0), refused);
});

test("what does not fit can't be written", () => {
  const cases: [Omit<ValueSpec, "table">, unknown][] = [
    [{ type: "int16" }, 32768],
    [{ type: "uint16" }, -1],
    [{ type: "uint16", scale: 0.1 }, 6553.6],
    [{ type: "uint32" }, Number.NaN],
    [{ type: "uint32" }, "12"],
    [{ type: "uint64" }, 2 ** 60],
    [{ type: "float32" }, 1e39],
    [{ type: "float64" }, Number.POSITIVE_INFINITY],
    [{ type: "bcd" }, 10000],
    [{ type: "bcd" }, -1],
    [{ type: "string", registers: 1 }, "ABC"],
    [{ type: "string", registers: 2 }, "€"],
    [{ type: "string", registers: 2 }, 12],
    [{ type: "bool" }, 2],
    [{ type: "bool" }, undefined],
  ];
  for (const [spec, value] of cases) {
    assert.throws(() => holding(spec).encode(value), refused, `${spec.type} ${String(value)}`);
  }
});

test("what is written is read again, in every type and order", () => {
  const ranges: Record<Exclude<ValueType, "bool" | "string">, fc.Arbitrary<number>> = {
    int16: fc.integer({ min: -32768, max: 32767 }),
    uint16: fc.nat(65535),
    int32: fc.integer(),
    uint32: fc.nat(0xffffffff),
    int64: fc.maxSafeInteger(),
    uint64: fc.maxSafeNat(),
    float32: fc.float({ noNaN: true, noDefaultInfinity: true }),
    float64: fc.double({ noNaN: true, noDefaultInfinity: true }),
    bcd: fc.nat(9999),
  };
  for (const [type, range] of Object.entries(ranges)) {
    fc.assert(
      fc.property(range, fc.constantFrom(...wordOrders), (value, wordOrder) => {
        const codec = holding({ type: type as ValueType, wordOrder });
        const data = codec.encode(value);
        assert.equal(data.length, codec.width * 2);
        // Adding the offset, 0, makes 0 of -0.
        assert.equal(codec.decode(data, 0), value + 0);
      }),
    );
  }
});

test("a scaled value comes back as the nearest step", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -3000, max: 3000 }),
      fc.constantFrom(0.1, 0.01, 0.5, 2, 10),
      (step, scale) => {
        const codec = holding({ type: "int16", scale, offset: 20 });
        const value = codec.decode(codec.encode(20 + step * scale), 0) as number;
        assert.ok(Math.abs(value - (20 + step * scale)) < 1e-9);
      },
    ),
  );
});
