import assert from "node:assert/strict";
import { createMemory } from "../../drivers/modbus/simulator-answer.ts";
import { guestNames } from "../kit/devices/guest-names.ts";
import { serialPort } from "../kit/devices/serial/attachment.ts";
import type { MachineName } from "../kit/devices/types.ts";
import { type BoardStory, node } from "../shared-board.ts";

export function misbehavingSlave(machine: MachineName): BoardStory {
  const meter = createMemory({ holding: { 0: 2301 } });
  const options = {
    transport: "serial",
    path: guestNames[machine].serial,
    timeoutMs: 500,
    units: {
      meter: { unit: 7, intervalMs: 1000, registers: { voltage: { address: 0, scale: 0.1, unit: "V" } } },
    },
  };
  return {
    name: "a slave on RS-485 that misbehaves for a while gives right values, or none",
    plugins: { grid: { driver: "modbus", options } },
    devices: [serialPort({ id: "rs485", units: { 7: meter } })],
    async tell({ board, hub }) {
      const grid = { node, plugin: "grid" };
      const voltage = (value: number) =>
        hub.sample({
          ...grid,
          name: "meter/voltage",
          where: (sample) => sample.value === value,
          timeoutMs: 180_000,
        });
      assert.equal((await voltage(230.1)).unit, "V");

      const { slave } = board.serial("rs485");
      for (const mode of ["bad-crc", "wrong-unit", "truncated", "noise-before", "late", "split"] as const) {
        slave.misbehave(mode, { times: 2 });
      }
      slave.misbehave("silence");
      await hub.sample({
        ...grid,
        name: "meter/online",
        lane: "alarm",
        where: (sample) => sample.value === false,
        timeoutMs: 60_000,
      });
      slave.behave();
      meter.set("holding", 0, 2302);
      await voltage(230.2);

      const seen = await hub.samples({ ...grid, name: "meter/voltage" });
      assert.deepEqual([...new Set(seen.map(({ value }) => value))], [230.1, 230.2]);
    },
  };
}
