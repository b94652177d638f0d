import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkOptions } from "./check.ts";
import { discover } from "./discover.ts";
import type { SpiOptions } from "./options.ts";

/** `/sys/bus/spi/devices` with devices: their names in the device tree, and their driver. */
async function sysfs(devices: Record<string, { compatible?: string[]; driver?: string }>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "spi-"));
  for (const [name, { compatible, driver }] of Object.entries(devices)) {
    await mkdir(join(dir, name, "of_node"), { recursive: true });
    if (compatible) {
      await writeFile(
        join(dir, name, "of_node", "compatible"),
        compatible.map((text) => `${text}\0`).join(""),
      );
    }
    if (driver !== undefined) await symlink(`../../drivers/${driver}`, join(dir, name, "driver"));
  }
  return dir;
}

test("spidev's devices are found, with a plugin where the device tree names a chip", async () => {
  const dir = await sysfs({
    "spi0.0": { compatible: ["microchip,mcp3008"], driver: "spidev" },
    "spi0.1": { compatible: ["rohm,dh2228fv"], driver: "spidev" },
    "spi0.2": { compatible: ["winbond,w25q64", "jedec,spi-nor"], driver: "spi-nor" },
    "spi0.3": { driver: "spidev" },
    "spi1.0": { compatible: ["winbond,w25q64", "jedec,spi-nor"] },
    spidev: {},
  });
  const found = await Array.fromAsync(discover(new AbortController().signal, dir));
  assert.deepEqual(
    found.map(({ summary }) => summary),
    [
      "spidev0.0, in the device tree microchip,mcp3008",
      "spidev0.1, in the device tree rohm,dh2228fv",
      "spidev0.3",
      "spi1.0, in the device tree winbond,w25q64, jedec,spi-nor: it has no driver; spidev takes it by /sys/bus/spi/devices/spi1.0/driver_override",
    ],
  );
  assert.deepEqual(
    found.map(({ plugin }) => plugin?.name),
    ["spi0", undefined, undefined, undefined],
  );
  assert.deepEqual(checkOptions(found[0]!.plugin!.options as SpiOptions), []);
  await rm(dir, { recursive: true });
});

test("where there is no SPI nothing is found, and a search can be given up", async () => {
  assert.deepEqual(await Array.fromAsync(discover(new AbortController().signal, "/nowhere")), []);
  const dir = await sysfs({ "spi0.0": { driver: "spidev" } });
  await assert.rejects(Array.fromAsync(discover(AbortSignal.abort(new Error("given up")), dir)), /given up/);
  await rm(dir, { recursive: true });
});
