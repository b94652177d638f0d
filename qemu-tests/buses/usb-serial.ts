/**
 * A meter behind a USB serial converter, whose kernel module nobody loads and which somebody pulls out. On virt alone:
 * QEMU's imx8mp-evk has USB, but the image's kernel does not start it there, as its power domain (HSIO) waits for the
 * interconnect. CONFIG_ARM_IMX_BUS_DEVFREQ alone was tried and does not mend that.
 */
import assert from "node:assert/strict";
import { createMemory } from "../../drivers/modbus/simulator-answer.ts";
import { usbSerial } from "../kit/devices/serial/usb-serial.ts";
import type { Hub } from "../kit/index.ts";
import { type BoardStory, node } from "../shared-board.ts";

const feeder = { node, plugin: "feeder" };
const optionsOf = (path: string) => ({
  transport: "serial",
  path,
  timeoutMs: 500,
  reconnect: { initialMs: 500, maxMs: 2000 },
  units: {
    meter: { unit: 7, intervalMs: 1000, registers: { voltage: { address: 0, scale: 0.1, unit: "V" } } },
  },
});

/** What the hub has of the meter. */
function meterAt(hub: Hub) {
  return {
    voltage: (value: number) =>
      hub.sample({
        ...feeder,
        name: "meter/voltage",
        where: (one) => one.value === value,
        timeoutMs: 300_000,
      }),
    online: (value: boolean, storedFromMs = 0) =>
      hub.sample({
        ...feeder,
        name: "meter/online",
        lane: "alarm",
        storedFromMs,
        where: (one) => one.value === value,
        timeoutMs: 300_000,
      }),
  };
}

export function lateConverter(): BoardStory {
  const meter = createMemory({ holding: { 0: 2301 } });
  const converter = usbSerial({ units: { 7: meter }, plugged: false });
  const { slave } = converter;
  return {
    name: "a converter that comes late is found and read, its slave misbehaves, and it is pulled out: one process goes on",
    plugins: { feeder: { driver: "modbus", options: optionsOf(converter.path) } },
    devices: [converter],
    async tell({ board, hub }) {
      const { voltage, online } = meterAt(hub);
      const said = async (command: string) => (await board.sh(command, { timeoutMs: 300_000 })).output;
      const processId = () => said("systemctl show --value --property MainPID umec.service");
      await online(false);
      const first = await processId();
      assert.equal(await said("ls /sys/bus/usb-serial/drivers 2>/dev/null || true"), "");

      await converter.plug();
      assert.equal((await voltage(230.1)).unit, "V");
      assert.match(await said("ls /sys/bus/usb-serial/drivers"), /ftdi_sio/);
      const found = await said("umec discover serial --json --timeout 2m 2>/dev/null");
      assert.match(found, new RegExp(`/dev/ttyUSB0: .*0403:6001.*serial number usb485, ${converter.path}`));

      for (const mode of ["bad-crc", "wrong-unit", "truncated", "noise-before", "late", "split"] as const) {
        slave.misbehave(mode, { times: 2 });
      }
      await slave.behaved();
      meter.set("holding", 0, 2302);
      await voltage(230.2);

      // Once in the middle of an answer.
      slave.misbehave("split", { gapMs: 100 });
      await slave.nextRequest();
      for (const value of [2303, 2304]) {
        const pulledMs = Date.now();
        await converter.unplug();
        await online(false, pulledMs);
        slave.behave();
        meter.set("holding", 0, value);
        const pluggedMs = Date.now();
        await converter.plug();
        await online(true, pluggedMs);
        await voltage(value / 10);
      }
      assert.equal(await processId(), first);
      const seen = await hub.samples({ ...feeder, name: "meter/voltage" });
      assert.deepEqual([...new Set(seen.map(({ value }) => value))], [230.1, 230.2, 230.3, 230.4]);
    },
  };
}
