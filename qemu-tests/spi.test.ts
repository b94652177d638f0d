import assert from "node:assert/strict";
import { test } from "node:test";
import { spiFlash } from "./kit/devices/spi/flash.ts";
import { Board, Hub } from "./kit/index.ts";
import { machines } from "./machines.ts";

const machine = "imx8mp-evk";

test("a flash on the SPI bus says who it is, beside a chip select without a device (imx8mp-evk)", {
  skip: !machines.includes(machine),
  timeout: 900_000,
}, async () => {
  const devices = {
    flash: { type: "w25q", chipSelect: 0, speedHz: 1_000_000, everyMs: 500 },
    missing: { type: "max31855", chipSelect: 1 },
  };
  await using hub = await Hub.start({ nodes: ["lamp-0042"] });
  await using _board = await Board.boot({
    machine,
    hub,
    node: "lamp-0042",
    target: { plugins: { board: { driver: "spi", options: { bus: 0, devices } } } },
    devices: [spiFlash()],
  });
  const board = { node: "lamp-0042", plugin: "board" };
  const value = async (name: string) => (await hub.sample({ ...board, name, timeoutMs: 180_000 })).value;
  assert.equal(await value("flash/jedec-id"), "ef4017");
  assert.equal(await value("flash/manufacturer"), "Winbond");
  assert.equal(await value("flash/memory-type"), "40");
  const capacity = await hub.sample({ ...board, name: "flash/capacity" });
  assert.deepEqual([capacity.value, capacity.unit], [8 << 20, "B"]);

  await hub.sample({
    ...board,
    name: "missing/online",
    lane: "alarm",
    where: (sample) => sample.value === false,
  });
  // The one beside it goes on, and says the same each time.
  const again = await hub.sample({
    ...board,
    name: "flash/jedec-id",
    storedFromMs: Date.now(),
    timeoutMs: 30_000,
  });
  assert.equal(again.value, "ef4017");
  const ids = await hub.samples({ ...board, name: "flash/jedec-id" });
  assert.deepEqual([...new Set(ids.map((sample) => sample.value))], ["ef4017"]);
});
