import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../../../../../runtime/errors.ts";
import { Tmp105 } from "./tmp105.ts";

function temperatureOf(chip: Tmp105): number {
  chip.write(Uint8Array.of(0));
  return Buffer.from(chip.read(2)).readUInt16BE();
}

// SLLS648B, section "Temperature register", the table with 12 bits.
const table: readonly [celsius: number, register: number][] = [
  [127.9375, 0x7ff0],
  [100, 0x6400],
  [80, 0x5000],
  [75, 0x4b00],
  [50, 0x3200],
  [25, 0x1900],
  [0.25, 0x0040],
  [0, 0x0000],
  [-0.25, 0xffc0],
  [-25, 0xe700],
  [-55, 0xc900],
];

test("12 bits read as in the datasheet's table", () => {
  const chip = new Tmp105();
  chip.write(Uint8Array.of(1, 0x60));
  for (const [celsius, register] of table) {
    chip.set({ celsius });
    assert.equal(temperatureOf(chip), register, `${celsius} °C`);
  }
});

test("the resolution bits cut the value: 9 to 12 bits", () => {
  const chip = new Tmp105();
  chip.set({ celsius: 21.9375 });
  const read = [0x00, 0x20, 0x40, 0x60].map((configuration) => {
    chip.write(Uint8Array.of(1, configuration));
    return temperatureOf(chip) / 256;
  });
  assert.deepEqual(read, [21.5, 21.75, 21.875, 21.9375]);
});

test("in shutdown the value stands until one conversion is asked for", () => {
  const chip = new Tmp105();
  chip.set({ celsius: 20 });
  chip.write(Uint8Array.of(1, 0x01));
  chip.set({ celsius: 30 });
  assert.equal(temperatureOf(chip) >> 8, 20);
  chip.write(Uint8Array.of(1, 0x81));
  assert.equal(temperatureOf(chip) >> 8, 30);
  chip.write(Uint8Array.of(1));
  assert.deepEqual([...chip.read(1)], [0x01], "OS reads as 0");
});

test("limits are kept, and power-up brings back the datasheet's", () => {
  const chip = new Tmp105();
  chip.write(Uint8Array.of(3, 0x1e, 0x80));
  assert.deepEqual([...chip.read(2)], [0x1e, 0x80]);
  chip.set({ celsius: 40 });
  chip.powerUp();
  assert.equal(temperatureOf(chip) >> 8, 40, "the world is not reset");
  chip.write(Uint8Array.of(2));
  assert.deepEqual([...chip.read(2)], [0x4b, 0x00]);
  chip.write(Uint8Array.of(3));
  assert.deepEqual([...chip.read(2)], [0x50, 0x00]);
});

test("what it can't be is refused", () => {
  const chip = new Tmp105();
  for (const values of [{ celsius: 128 }, { celsius: "20" }, { celsius: Number.NaN }, { kelvin: 300 }]) {
    assert.throws(
      () => chip.set(values),
      (error) => isUmecError(error, "DEVICE_VALUE"),
    );
  }
});
