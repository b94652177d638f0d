import assert from "node:assert/strict";
import { createReceiver, epochOf } from "../../drivers/serial/nmea-simulator.ts";
import { guestNames } from "../kit/devices/guest-names.ts";
import { byteStream } from "../kit/devices/serial/byte-stream.ts";
import type { MachineName } from "../kit/devices/types.ts";
import { type BoardStory, node } from "../shared-board.ts";

export function receiver(machine: MachineName): BoardStory {
  const gnss = createReceiver();
  const line = byteStream();
  line.repeat(1000, () => epochOf(gnss, Date.now()));
  const options = {
    path: guestNames[machine].serial,
    framing: "nmea",
    silentMs: 4000,
    init: ["$PMTK220,1000*1F\r\n"],
    commands: { restart: { send: "$PMTK101*32\r\n" } },
  };
  return {
    name: "a GNSS receiver's position and speed arrive at the hub",
    plugins: { place: { driver: "serial", options } },
    devices: [line],
    async tell({ hub }) {
      const sample = (name: string, value: number | null | boolean, more: object = {}) =>
        hub.sample({
          node,
          plugin: "place",
          name: `gnss/${name}`,
          where: (found) => found.value === value,
          timeoutMs: 60_000,
          ...more,
        });
      const latitude = await sample("latitude", 48.1173, { timeoutMs: 180_000 });
      assert.equal(latitude.unit, "lat");
      assert.equal((await sample("longitude", 11.5167)).unit, "lon");
      assert.equal((await sample("speed", 3.5)).unit, "m/s");
      await sample("online", true, { lane: "alarm" });
      // What the driver writes comes out of the board.
      await line.heard("$PMTK220,1000*1F\r\n");

      gnss.latitude = -33.8568;
      gnss.speed = 0.5;
      await sample("latitude", -33.8568);
      await sample("speed", 0.5);

      gnss.fix = 0;
      const lost = await sample("latitude", null);
      assert.deepEqual([lost.quality, lost.reason], ["bad", "no fix"]);

      await line.stop();
      await sample("online", false, { lane: "alarm" });
    },
  };
}
