import assert from "node:assert/strict";
import { test } from "node:test";
import { registerChip } from "../simulator.ts";
import { chipUnderTest } from "../test-port.ts";

test("each input is one conversion, with its multiplexer and range", async () => {
  const simulated = registerChip({ 0: [0x40, 0x00], 1: [0x85, 0x83] });
  const { sample, bus } = chipUnderTest(
    {
      type: "ads1115",
      channels: {
        battery: { input: "0", fullScaleVolts: 4.096, scale: 5 },
        level: { input: "3", scale: 100, offset: -10, unit: "%" },
        bridge: { input: "0-1", fullScaleVolts: 0.256 },
      },
    },
    simulated,
  );
  assert.deepEqual(await sample(), { battery: 10.24, level: 92.4, bridge: 0.128 });
  const settings = bus.transfers.filter(({ kind }) => kind === "write").map(({ bytes }) => bytes);
  // OS, MUX, PGA, MODE, DR, COMP_QUE of the datasheet's config register.
  assert.deepEqual(settings, [
    [1, 0b1_100_001_1, 0b100_00011],
    [1, 0b1_111_010_1, 0b100_00011],
    [1, 0b1_000_101_1, 0b100_00011],
  ]);
});

test("the ends of the scale: 7FFFh and 8000h", async () => {
  const simulated = registerChip({ 0: [0x80, 0x00], 1: [0x85, 0x83] });
  const { sample } = chipUnderTest({ type: "ads1115", channels: { x: { input: "1" } } }, simulated);
  assert.deepEqual(await sample(), { x: -2.048 });
  simulated.registers.set(0, [0x7f, 0xff]);
  assert.deepEqual(await sample(), { x: 2.0479375 });
});

test("a conversion that does not end is told, not guessed", async () => {
  const { write, ...rest } = registerChip({ 0: [0, 0], 1: [0x05, 0x83] });
  const busy = { ...rest, write: (bytes: Uint8Array) => write(bytes.subarray(0, 1)) };
  const { sample } = chipUnderTest({ type: "ads1115", channels: { x: { input: "1" } } }, busy);
  await assert.rejects(sample(), { code: "I2C_DATA", message: /input 1/ });
});
