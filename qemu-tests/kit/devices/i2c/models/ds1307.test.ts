import assert from "node:assert/strict";
import { test } from "node:test";
import { Ds1307 } from "./ds1307.ts";

function clock(chip: Ds1307): number[] {
  chip.write(Uint8Array.of(0));
  const bytes = [...chip.read(7)];
  chip.stop();
  return bytes;
}

test("it shows what it was set to, and runs", () => {
  let nowMs = 1e12;
  const chip = new Ds1307({ nowMs: () => nowMs });
  chip.set({ time: new Date("2024-02-28T23:59:58Z") });
  assert.deepEqual(clock(chip), [0x58, 0x59, 0x23, 4, 0x28, 0x02, 0x24]);
  nowMs += 2000;
  assert.deepEqual(clock(chip), [0x00, 0x00, 0x00, 5, 0x29, 0x02, 0x24], "2024 is a leap year");
  chip.powerUp();
  nowMs += 1000;
  assert.equal(clock(chip)[0], 0x01, "the battery keeps it running");
});

test("the guest sets it, 12 hours and its own weekday", () => {
  const chip = new Ds1307({ nowMs: () => 0 });
  chip.write(Uint8Array.of(0, 0x05, 0x30, 0x40 | 0x20 | 0x11, 1, 0x24, 0x11, 0x26));
  assert.deepEqual(chip.state().time, new Date("2026-11-24T23:30:05Z"));
  assert.deepEqual(clock(chip), [0x05, 0x30, 0x71, 1, 0x24, 0x11, 0x26]);
  chip.write(Uint8Array.of(2, 0x40 | 0x12));
  assert.deepEqual(chip.state().time, new Date("2026-11-24T00:30:05Z"), "12 AM is midnight");
});

test("a halted clock stands", () => {
  let nowMs = 0;
  const chip = new Ds1307({ nowMs: () => nowMs });
  chip.set({ time: Date.UTC(2026, 0, 1) });
  chip.write(Uint8Array.of(0, 0x80));
  nowMs = 60_000;
  assert.equal(clock(chip)[0], 0x80);
  chip.write(Uint8Array.of(0, 0x00));
  nowMs = 61_000;
  assert.equal(clock(chip)[0], 0x01);
});

test("a transfer's registers are of one moment; its memory goes round", () => {
  let nowMs = 0;
  const chip = new Ds1307({ nowMs: () => nowMs });
  chip.set({ time: Date.UTC(2026, 0, 1, 0, 0, 59) });
  chip.write(Uint8Array.of(0));
  const seconds = chip.read(1)[0];
  nowMs = 1000;
  const minutes = chip.read(1)[0];
  chip.stop();
  assert.deepEqual([seconds, minutes], [0x59, 0x00]);
  chip.write(Uint8Array.of(0x3e, 7, 8));
  chip.write(Uint8Array.of(0x3e));
  assert.deepEqual([...chip.read(3)], [7, 8, 0x00]);
});
