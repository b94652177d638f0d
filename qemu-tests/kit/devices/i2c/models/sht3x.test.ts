import assert from "node:assert/strict";
import { test } from "node:test";
import { crc8, Sht3x } from "./sht3x.ts";

test("the checksum of the datasheet's example", () => {
  assert.equal(crc8(Uint8Array.of(0xbe, 0xef)), 0x92);
});

test("one measurement: refused until it is done, read once", () => {
  let nowMs = 0;
  const chip = new Sht3x({ nowMs: () => nowMs });
  chip.set({ celsius: 21.5, percent: 40 });
  assert.equal(chip.read(6), undefined);
  chip.write(Uint8Array.of(0x24, 0x00));
  nowMs = 14;
  assert.equal(chip.read(6), undefined);
  nowMs = 15;
  const bytes = Buffer.from(chip.read(6)!);
  assert.ok(Math.abs(-45 + (175 * bytes.readUInt16BE(0)) / 65535 - 21.5) < 0.002);
  assert.ok(Math.abs((100 * bytes.readUInt16BE(3)) / 65535 - 40) < 0.001);
  assert.deepEqual([bytes[2], bytes[5]], [crc8(bytes.subarray(0, 2)), crc8(bytes.subarray(3, 5))]);
  assert.equal(chip.read(6), undefined);
});

test("periodic: fetched when there is something new, no single shots in between, break ends it", () => {
  let nowMs = 0;
  const chip = new Sht3x({ nowMs: () => nowMs });
  const fetch = (): Uint8Array | undefined => {
    chip.write(Uint8Array.of(0xe0, 0x00));
    return chip.read(6);
  };
  chip.write(Uint8Array.of(0x21, 0x30));
  nowMs = 15;
  assert.ok(fetch());
  assert.equal(fetch(), undefined);
  chip.write(Uint8Array.of(0x24, 0x00));
  nowMs = 1014;
  assert.equal(fetch(), undefined);
  nowMs = 1015;
  assert.ok(fetch());
  chip.write(Uint8Array.of(0x30, 0x93));
  nowMs = 5000;
  assert.equal(fetch(), undefined);
});

test("the status tells of a reset, the heater and a command that does not exist", () => {
  const chip = new Sht3x();
  const status = (): number => {
    chip.write(Uint8Array.of(0xf3, 0x2d));
    return Buffer.from(chip.read(3)!).readUInt16BE();
  };
  assert.equal(status(), 0x8010);
  chip.write(Uint8Array.of(0x30, 0x41));
  chip.write(Uint8Array.of(0x30, 0x6d));
  assert.equal(status(), 0x2000);
  assert.equal(chip.state().heater, true);
  chip.write(Uint8Array.of(0x30, 0xa2));
  assert.equal(status(), 0x8010);
});
