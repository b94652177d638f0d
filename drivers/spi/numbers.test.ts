import assert from "node:assert/strict";
import { test } from "node:test";
import { type ByteType, byteTypes, read, write } from "./numbers.ts";

const bytes = Buffer.from("00 c0 49 0f db".replaceAll(" ", ""), "hex");

test("each type reads its bytes, in either order", () => {
  const expected: Partial<Record<ByteType, [big: unknown, little: unknown]>> = {
    uint8: [0xc0, 0xc0],
    int8: [-64, -64],
    uint16: [0xc049, 0x49c0],
    int16: [-16_311, 0x49c0],
    uint24: [0xc0490f, 0x0f49c0],
    int24: [0xc0490f - 2 ** 24, 0x0f49c0],
    uint32: [0xc0490fdb, 0xdb0f49c0],
    int32: [0xc0490fdb - 2 ** 32, 0xdb0f49c0 - 2 ** 32],
  };
  for (const [type, [big, little]] of Object.entries(expected) as [ByteType, [unknown, unknown]][]) {
    assert.equal(read(bytes, { at: 1, type }), big, type);
    assert.equal(read(bytes, { at: 1, type, endian: "little" }), little, `${type}, little`);
  }
  assert.ok(Math.abs(Number(read(bytes, { at: 1, type: "float32" })) + Math.PI) < 1e-6);
});

test("a text ends at 0x00 or 0xFF; a float that is no number is no value", () => {
  assert.equal(read(Buffer.from("ab\0cd"), { at: 0, type: "text", length: 5 }), "ab");
  assert.equal(read(Buffer.of(0x61, 0xff), { at: 0, type: "text", length: 2 }), "a");
  assert.throws(() => read(Buffer.from("7fc00000", "hex"), { at: 0, type: "float32" }), { code: "SPI_DATA" });
});

test("a field of 32 bits keeps its sign and its size", () => {
  const all = Buffer.from("ffffffff", "hex");
  assert.equal(read(all, { at: 0, type: "uint32" }), 2 ** 32 - 1);
  assert.equal(read(all, { at: 0, type: "uint32", lowestBit: 31 }), 1);
  assert.equal(read(all, { at: 0, type: "int32", lowestBit: 4, bitCount: 12 }), -1);
});

test("what was written is read", () => {
  for (const type of byteTypes) {
    if (type === "hex" || type === "text") continue;
    for (const endian of ["big", "little"] as const) {
      const value: number = type.startsWith("u") ? 200 : -100;
      assert.equal(read(write(value, { type, endian }), { at: 0, type, endian }), value, type);
    }
  }
  assert.throws(() => write(256, {}), { code: "SPI_VALUE" });
  assert.throws(() => write(-1, { type: "uint24" }), { code: "SPI_VALUE" });
});
