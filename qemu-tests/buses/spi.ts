import assert from "node:assert/strict";
import { spiFlash } from "../kit/devices/spi/flash.ts";
import { type BoardStory, node } from "../shared-board.ts";

/** Of imx8mp-evk, whose controller alone works. */
export function flashChip(): BoardStory {
  const devices = {
    flash: { type: "w25q", chipSelect: 0, speedHz: 1_000_000, everyMs: 500 },
    missing: { type: "max31855", chipSelect: 1 },
  };
  return {
    name: "a flash on the SPI bus says who it is, beside a chip select without a device",
    plugins: { store: { driver: "spi", options: { bus: 0, devices } } },
    devices: [spiFlash()],
    async tell({ hub }) {
      const store = { node, plugin: "store" };
      const value = async (name: string) => (await hub.sample({ ...store, name, timeoutMs: 180_000 })).value;
      assert.equal(await value("flash/jedec-id"), "ef4017");
      assert.equal(await value("flash/manufacturer"), "Winbond");
      assert.equal(await value("flash/memory-type"), "40");
      const capacity = await hub.sample({ ...store, name: "flash/capacity" });
      assert.deepEqual([capacity.value, capacity.unit], [8 << 20, "B"]);

      await hub.sample({
        ...store,
        name: "missing/online",
        lane: "alarm",
        where: (sample) => sample.value === false,
      });
      // The one beside it goes on, and says the same each time.
      const again = await hub.sample({
        ...store,
        name: "flash/jedec-id",
        storedFromMs: Date.now(),
        timeoutMs: 30_000,
      });
      assert.equal(again.value, "ef4017");
      const ids = await hub.samples({ ...store, name: "flash/jedec-id" });
      assert.deepEqual([...new Set(ids.map((sample) => sample.value))], ["ef4017"]);
    },
  };
}
