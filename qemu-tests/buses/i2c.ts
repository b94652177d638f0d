import assert from "node:assert/strict";
import { guestNames, type I2cHandle, i2cBus } from "../kit/devices/index.ts";
import type { MachineName } from "../kit/devices/types.ts";
import type { Hub } from "../kit/index.ts";
import { type BoardStory, node } from "../shared-board.ts";

/** How the samples of the plugin `sensors` are waited for. */
function sensorsAt(hub: Hub) {
  const sensors = { node, plugin: "sensors" };
  return {
    /** Waits until a value arrives that is as near to `value` as the chip can tell. */
    near: (name: string, value: number, within: number) =>
      hub.sample({
        ...sensors,
        name,
        where: (sample) => Math.abs(Number(sample.value) - value) <= within,
        timeoutMs: 180_000,
      }),
    /** Waits for the next word on whether a device answers, of those stored since `storedFromMs`. */
    online: (device: string, value: boolean, storedFromMs: number) =>
      hub.sample({
        ...sensors,
        name: `${device}/online`,
        lane: "alarm",
        storedFromMs,
        where: (sample) => sample.value === value,
        timeoutMs: 60_000,
      }),
    samples: (name: string) => hub.samples({ ...sensors, name }),
  };
}

function sensors(machine: MachineName, devices: object) {
  return { sensors: { driver: "i2c", options: { bus: guestNames[machine].i2c, timeoutMs: 1000, devices } } };
}

/** Of boards whose controller QEMU emulates. */
export async function qemuChips(machine: MachineName): Promise<BoardStory> {
  const i2c = i2cBus({
    chips: { hall: { model: "tmp105" }, clock: { model: "ds1338" }, store: { model: "at24c02" } },
  });
  await i2c.chips.hall.set({ celsius: 21.5 });
  const devices = {
    hall: { type: "tmp105", address: 0x48 },
    clock: { type: "ds1338", address: 0x68 },
    store: { type: "at24c", address: 0x50, fields: { label: { at: 0, length: 4, form: "hex" } } },
    missing: { type: "ina219", address: 0x40 },
  };
  return {
    name: "QEMU's thermometer, clock and EEPROM on the real controller, beside a chip that is missing",
    plugins: sensors(machine, devices),
    devices: [i2c],
    async tell({ board, hub }) {
      const at = sensorsAt(hub);
      assert.equal((await at.near("hall/temperature", 21.5, 0)).unit, "Cel");
      const clock = await at.near("clock/time", Date.now() / 1000, 300);
      assert.ok(Math.abs(Number(clock.value) - clock.timeMs / 1000) < 60, "QEMU's clock has the host's time");
      const [label] = await at.samples("store/label");
      assert.match(String(label?.value), /^[0-9a-f]{8}$/);
      await at.online("missing", false, 0);
      assert.deepEqual(await at.samples("missing/voltage"), []);

      // The others go on beside it.
      await board.i2c("hall").set({ celsius: -5.25 });
      await at.near("hall/temperature", -5.25, 0);
    },
  };
}

/** Of virt, whose chips are models of ours. */
export async function sensorModels(machine: MachineName): Promise<BoardStory> {
  const i2c = i2cBus({
    chips: {
      hall: { model: "tmp105" },
      air: { model: "bme280" },
      cellar: { model: "sht3x" },
      tank: { model: "ads1115", address: 0x49 },
      supply: { model: "ina219" },
    },
  });
  const { hall, air, cellar, tank, supply } = i2c.chips;
  await hall.set({ celsius: 21.5 });
  await air.set({ celsius: 19.25, hPa: 1003.5, percent: 44 });
  await cellar.set({ celsius: 12.5, percent: 81 });
  await tank.set({ ain0: 1.25, ain1: 0.25 });
  await supply.set({ volts: 11.98, amperes: 1.5 });
  const everyMs = 2000;
  const devices = {
    hall: { type: "tmp105", address: 0x48, everyMs },
    air: { type: "bme280", address: 0x76, everyMs },
    cellar: { type: "sht3x", address: 0x44, everyMs },
    tank: {
      type: "ads1115",
      address: 0x49,
      everyMs,
      channels: { level: { input: "0" }, difference: { input: "0-1" } },
    },
    supply: { type: "ina219", address: 0x40, everyMs },
  };
  return {
    name: "sensors on the bus: values, changes, and one that refuses or holds the bus for a while",
    plugins: sensors(machine, devices),
    devices: [i2c],
    async tell({ hub }) {
      const at = sensorsAt(hub);
      await at.near("hall/temperature", 21.5, 0);
      await at.near("air/temperature", 19.25, 0.02);
      assert.equal((await at.near("air/pressure", 100_350, 10)).unit, "Pa");
      assert.equal((await at.near("air/humidity", 44, 0.1)).unit, "%RH");
      await at.near("cellar/temperature", 12.5, 0.01);
      await at.near("cellar/humidity", 81, 0.01);
      await at.near("tank/level", 1.25, 0.001);
      await at.near("tank/difference", 1, 0.001);
      await at.near("supply/voltage", 11.98, 0.004);
      await at.near("supply/current", 1.5, 0.001);
      await at.near("supply/power", 17.97, 0.1);

      await air.set({ celsius: -10, hPa: 1020 });
      await at.near("air/temperature", -10, 0.02);
      await at.near("air/pressure", 102_000, 10);

      // One refuses: it goes offline, the others go on, and it comes back by itself.
      let fromMs = Date.now();
      supply.nack({ times: Number.POSITIVE_INFINITY });
      await at.online("supply", false, fromMs);
      await hall.set({ celsius: 22 });
      await at.near("hall/temperature", 22, 0);
      await supply.set({ volts: 24 });
      supply.behave();
      await at.online("supply", true, fromMs);
      await at.near("supply/voltage", 24, 0.004);

      // One holds the clock, longer than the driver waits: nobody has the bus, and with its end all are back.
      fromMs = Date.now();
      holdTheBus(cellar);
      await at.online("cellar", false, fromMs);
      await at.online("hall", false, fromMs);
      cellar.behave();
      await hall.set({ celsius: 23 });
      await at.online("hall", true, fromMs);
      await at.near("hall/temperature", 23, 0);
      await cellar.set({ celsius: 13 });
      await at.near("cellar/temperature", 13, 0.01);

      const seen = await at.samples("hall/temperature");
      assert.deepEqual([...new Set(seen.map(({ value }) => value))], [21.5, 22, 23], "no value is invented");
    },
  };
}

function holdTheBus(chip: I2cHandle): void {
  chip.stall(Number.POSITIVE_INFINITY, { times: Number.POSITIVE_INFINITY });
}
