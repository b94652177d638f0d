import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeviceOptions } from "../options.ts";
import { type RegisterChip, registerChip } from "../simulator.ts";
import { type ChipUnderTest, chipUnderTest } from "../test-port.ts";

const pins: DeviceOptions["pins"] = {
  door: { pin: 0, activeLow: true },
  lamp: { pin: 1, direction: "out" },
  fan: { pin: 2, direction: "out", initial: true },
  valve: { pin: 3, direction: "out", activeLow: true },
};

/** A PCA9554 after power-up. */
const pca9554 = (): RegisterChip => registerChip({ 0: [0b1111_0000], 1: [0xff], 2: [0], 3: [0xff] });
const started = async (simulated: RegisterChip): Promise<ChipUnderTest> => {
  const chip = chipUnderTest({ type: "pca9554", pins }, simulated);
  await chip.prepare();
  return chip;
};

test("after power-up the outputs have their initial level before they drive", async () => {
  const simulated = pca9554();
  const { bus } = await started(simulated);
  const writes = bus.transfers.filter(({ kind }) => kind === "write").map(({ bytes }) => bytes);
  // The lamp is low, the fan high, the valve, which is active low, high; pins without a name stay inputs.
  assert.deepEqual(writes, [
    [1, 0b1111_1101],
    [3, 0b1111_0001],
  ]);
});

test("a start of the driver alone moves nothing", async () => {
  const simulated = pca9554();
  simulated.registers.set(1, [0b0000_0010]);
  simulated.registers.set(3, [0b1111_0001]);
  await started(simulated);
  assert.deepEqual(simulated.registers.get(1), [0b0000_0010]);
  assert.deepEqual(simulated.registers.get(3), [0b1111_0001]);
});

test("levels are what they mean, and a command changes its own pin", async () => {
  const simulated = pca9554();
  const { sample, command } = await started(simulated);
  simulated.registers.set(0, [0b1111_0110]);
  assert.deepEqual(await sample(), { door: true, lamp: true, fan: true, valve: true });
  simulated.registers.set(0, [0b1111_1001]);
  assert.deepEqual(await sample(), { door: false, lamp: false, fan: false, valve: false });
  assert.equal(await command("lamp", true), true);
  assert.deepEqual(simulated.registers.get(1), [0b1111_1111]);
  assert.equal(await command("valve", 1), true);
  assert.deepEqual(simulated.registers.get(1), [0b1111_0111]);
  await assert.rejects(command("lamp", "on"), { code: "I2C_VALUE" });
});

test("a chip that lost its power gets the last commands back", async () => {
  const simulated = pca9554();
  const { sample, command } = await started(simulated);
  await command("lamp", true);
  await command("fan", false);
  for (const [register, bytes] of pca9554().registers) simulated.registers.set(register, bytes);
  await sample();
  assert.deepEqual(simulated.registers.get(1), [0b1111_1011]);
  assert.deepEqual(simulated.registers.get(3), [0b1111_0001]);
});

test("an MCP23017 has pairs of registers and pull-ups", async () => {
  const simulated = registerChip({
    0: [0xff],
    1: [0xff],
    12: [0],
    13: [0x80],
    18: [0],
    19: [0x01],
    20: [0],
    21: [0],
  });
  const { prepare, sample, command } = chipUnderTest(
    {
      type: "mcp23017",
      pins: {
        a7: { pin: 7, pullUp: true },
        b0: { pin: 8 },
        b6: { pin: 14, direction: "out", initial: true },
      },
    },
    simulated,
  );
  await prepare();
  const at = (register: number) => simulated.registers.get(register)![0];
  assert.deepEqual([at(0x00), at(0x01)], [0xff, 0xbf]);
  assert.deepEqual([at(0x0c), at(0x0d)], [0x80, 0x80]);
  assert.deepEqual([at(0x14), at(0x15)], [0x00, 0x40]);
  assert.deepEqual(await sample(), { a7: false, b0: true, b6: false });
  await command("b6", false);
  assert.deepEqual([at(0x14), at(0x15)], [0x00, 0x00]);
});
