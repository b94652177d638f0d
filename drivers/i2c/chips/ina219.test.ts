import assert from "node:assert/strict";
import { test } from "node:test";
import { registerChip } from "../simulator.ts";
import { chipUnderTest } from "../test-port.ts";

test("SBOS448, programming example: 2 mΩ, shunt 07D0h, bus 5D98h are 11.98 V, 10 A, 119.8 W", async () => {
  const simulated = registerChip({ 0: [0, 0], 1: [0x07, 0xd0], 2: [0x5d, 0x98] });
  const { prepare, sample } = chipUnderTest({ type: "ina219", shuntOhms: 0.002 }, simulated);
  await prepare();
  assert.deepEqual(simulated.registers.get(0), [0x39, 0x9f]);
  simulated.registers.set(1, [0x07, 0xd0]);
  simulated.registers.set(2, [0x5d, 0x98]);
  assert.deepEqual(await sample(), { voltage: 11.98, current: 10, power: 119.8 });
});

test("a current that flows back is negative", async () => {
  const simulated = registerChip({ 0: [0, 0], 1: [0xff, 0x9c], 2: [0x1f, 0x40] });
  const { sample } = chipUnderTest({ type: "ina219" }, simulated);
  assert.deepEqual(await sample(), { voltage: 4, current: -0.01, power: -0.04 });
});
