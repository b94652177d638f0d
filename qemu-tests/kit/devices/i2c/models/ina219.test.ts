import assert from "node:assert/strict";
import { test } from "node:test";
import { Ina219 } from "./ina219.ts";

function read(chip: Ina219, register: number): number {
  chip.write(Uint8Array.of(register));
  return Buffer.from(chip.read(2)).readInt16BE();
}

test("the datasheet's example: 12 V bus with 20 mV across 2 mΩ (section 8.5)", () => {
  const chip = new Ina219({ shuntOhms: 0.002 });
  chip.set({ volts: 11.98, amperes: 10 });
  assert.equal(read(chip, 0), 0x399f);
  assert.equal(read(chip, 1), 2000);
  assert.equal(read(chip, 2) >> 3, 2995);
  assert.equal(read(chip, 4), 0, "not calibrated");
  chip.write(Uint8Array.of(5, 0x50, 0x00));
  assert.equal(read(chip, 4), 10000, "1 mA each");
  assert.equal(read(chip, 3), 5990, "20 mW each");
});

test("a current the other way is negative, and the shunt is clipped to its range", () => {
  const chip = new Ina219();
  chip.set({ volts: 5, amperes: -0.5 });
  assert.equal(read(chip, 1), -5000);
  chip.write(Uint8Array.of(0, 0x21, 0x9f));
  assert.equal(read(chip, 1), -4000, "PG = 1: 40 mV");
});

test("a triggered conversion stays until the next one, and the flag tells", () => {
  const chip = new Ina219();
  chip.set({ volts: 5 });
  chip.write(Uint8Array.of(0, 0x39, 0x9b));
  chip.set({ volts: 6 });
  assert.equal(read(chip, 2), (1250 << 3) | 2);
  read(chip, 3);
  assert.equal(read(chip, 2), 1250 << 3);
  chip.write(Uint8Array.of(0, 0x39, 0x9b));
  assert.equal(read(chip, 2), (1500 << 3) | 2);
});

test("reset", () => {
  const chip = new Ina219();
  chip.write(Uint8Array.of(5, 0x10, 0x00));
  chip.write(Uint8Array.of(0, 0x80, 0x00));
  assert.deepEqual([read(chip, 0), read(chip, 5)], [0x399f, 0]);
});
