import assert from "node:assert/strict";
import { test } from "node:test";
import { Ads1115 } from "./ads1115.ts";

function read(chip: Ads1115, register: number): number {
  chip.write(Uint8Array.of(register));
  return Buffer.from(chip.read(2)).readInt16BE();
}

test("a single shot takes one period of the data rate", () => {
  let nowMs = 0;
  const chip = new Ads1115({ nowMs: () => nowMs });
  chip.set({ ain1: 1.5 });
  assert.equal(read(chip, 1) & 0xffff, 0x8583, "the reset value of section 9.6");
  // AIN1 against GND, 2.048 V, single shot, 128 samples/s: 7.8 ms.
  chip.write(Uint8Array.of(1, 0xd5, 0x83));
  assert.equal(read(chip, 1) & 0x8000, 0);
  nowMs = 7.5;
  assert.equal(read(chip, 0), 0);
  nowMs = 8;
  assert.equal(read(chip, 1) & 0x8000, 0x8000);
  assert.equal(read(chip, 0), 24000);
});

test("continuous, differential, and clipped at full scale", () => {
  let nowMs = 0;
  const chip = new Ads1115({ nowMs: () => nowMs });
  chip.set({ ain0: 1, ain1: 1.256 });
  // AIN0 - AIN1, 0.256 V, continuous.
  chip.write(Uint8Array.of(1, 0x0a, 0x83));
  nowMs = 8;
  assert.equal(read(chip, 0), -32768);
  chip.set({ ain1: 0.936 });
  assert.equal(read(chip, 0), 8192);
  chip.set({ ain1: 0 });
  assert.equal(read(chip, 0), 32767);
});

test("thresholds are kept, power-up brings the datasheet's", () => {
  const chip = new Ads1115();
  chip.write(Uint8Array.of(2, 0x12, 0x34));
  assert.equal(read(chip, 2), 0x1234);
  chip.powerUp();
  assert.equal(read(chip, 2) & 0xffff, 0x8000);
  assert.equal(read(chip, 3), 0x7fff);
});
