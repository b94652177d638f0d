import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { DiscoverOptions, Found } from "../../runtime/plugin/sdk.ts";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { checkOptions } from "./check.ts";
import { discover } from "./discover.ts";
import type { I2cOptions } from "./options.ts";
import { createSimulatedBus, registerChip, type SimulatedBus } from "./simulator.ts";

const dir = await mkdtemp(join(tmpdir(), "i2c-"));
after(() => rm(dir, { recursive: true }));
async function entry(name: string, kernelName: string, driver?: string): Promise<void> {
  await mkdir(join(dir, name));
  await writeFile(join(dir, name, "name"), `${kernelName}\n`);
  if (driver !== undefined) await symlink(`../../drivers/${driver}`, join(dir, name, "driver"));
}
await entry("i2c-1", "30a30000.i2c");
await entry("i2c-2", "fef05000.i2c");
await entry("i2c-3", "i915 gmbus dpb");
await entry("1-0048", "tmp105", "lm75");
await entry("1-0050", "24c02");
await entry("2-0049", "tmp105", "lm75");

const warnings: string[] = [];
const log = { warn: (line: string) => void warnings.push(line) } as unknown as DiscoverOptions["log"];

function search(bus: SimulatedBus, at = "1", signal = new AbortController().signal): Promise<Found[]> {
  return Array.fromAsync(discover({ at, signal, log }, async () => bus, dir));
}

test("who answers is told; a chip that says who it is with a plugin, and nothing is written", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x40, registerChip({ 0: [0x39, 0x9f] }));
  bus.attach(0x41, registerChip({ 0: [0x20, 0x00] }));
  bus.attach(0x48, registerChip({ 0: [0x19, 0x00] }));
  bus.attach(0x50, registerChip({ 0: [0x00] }));
  bus.attach(0x57, registerChip({ 0: [0x00] }));
  bus.attach(0x76, registerChip({ 208: [0x60] }));
  bus.attach(0x77, registerChip({ 208: [0x61] }));
  bus.attach(0x10, registerChip({ 0: [0x00] }));
  bus.attach(0x69, registerChip({ 0: [0x00] }));
  const found = await search(bus);
  assert.deepEqual(
    found.map(({ summary }) => summary.replace("i2c-1 address ", "")),
    [
      "0x10: a device",
      "0x40: INA219",
      "0x41: by its address INA219, PCA9685 or another (type ina219)",
      "0x48: the kernel's driver lm75 (tmp105) has it",
      "0x50: by its address AT24C or another (type at24c)",
      "0x57: by its address AT24C or another (type at24c)",
      "0x76: BME280",
      "0x77: BME680",
    ],
  );
  const plugins = found.flatMap(({ plugin }) => plugin ?? []);
  assert.deepEqual(plugins, [
    { name: "i2c1", options: { bus: 1, devices: { "ina219-40": { type: "ina219", address: 0x40 } } } },
    { name: "i2c1", options: { bus: 1, devices: { "bme280-76": { type: "bme280", address: 0x76 } } } },
  ]);
  for (const { options } of plugins) assert.deepEqual(checkOptions(options as I2cOptions), []);
  const asked = bus.transfers.map(({ kind, address }) => `${kind} ${address}`);
  assert.ok(!asked.some((text) => text.startsWith("write")), "nothing is written");
  assert.ok(
    !asked.some((text) => text.endsWith(" 105") || text.endsWith(" 72")),
    "0x69 and 0x48 are left alone",
  );
  const registers = bus.transfers.filter(({ kind }) => kind === "readRegister").map(({ address }) => address);
  assert.deepEqual(registers, [0x40, 0x41, 0x76, 0x77]);
  assert.ok(bus.closed);
});

test("a thermometer is told by the temperature that it stands at, its neighbours are not taken for one", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x49, registerChip({ 0: [0x15, 0x80] }));
  bus.attach(0x4a, registerChip({ 0: [0x00, 0x00] }));
  bus.attach(0x4b, registerChip({ 0: [0x80, 0x10] }));
  bus.attach(0x4c, registerChip({ 0: [0xfa, 0xc0] }));
  bus.attach(0x4d, registerChip({ 0: [0x15, 0x87] }));
  const found = await search(bus);
  const plugins = found.flatMap(({ plugin }) => plugin ?? []);
  assert.deepEqual(
    plugins.map(({ options }) => options.devices),
    [{ "lm75-49": { type: "lm75", address: 0x49 } }, { "lm75-4c": { type: "lm75", address: 0x4c } }],
  );
  assert.match(found[1]!.summary, /0x49: LM75, TMP105 or a relative, which reads 21\.5 °C$/);
  assert.ok(bus.transfers.every(({ kind }) => kind === "read"));
});

test("a switch that took the number for its channels gets them back", async () => {
  const bus = createSimulatedBus();
  let channels = 0x05;
  bus.attach(0x77, {
    write([byte]) {
      channels = byte ?? channels;
    },
    read: () => Uint8Array.of(channels),
  });
  const found = (await search(bus)).at(-1);
  assert.equal(found?.plugin, undefined);
  assert.match(found?.summary ?? "", /TCA9548A switch/);
  assert.equal(channels, 0x05);
});

test("an address that the kernel refuses is told, one that refuses the number of a register too", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x76, {
    write: () => {
      throw new Error("refused");
    },
    read: () => Uint8Array.of(0),
  });
  const claimed: SimulatedBus = {
    ...bus,
    async read(address, length) {
      if (address === 0x20) throw new UmecError("I2C_CLAIMED", "a driver of the kernel has 0x20");
      return bus.read(address, length);
    },
  };
  assert.deepEqual(
    (await search(claimed)).map(({ summary }) => summary),
    [
      "i2c-1 address 0x20: a driver of the kernel has it",
      "i2c-1 address 0x48: the kernel's driver lm75 (tmp105) has it",
      "i2c-1 address 0x76: by its address TCA9548A switch, BME280, BMP280 or another (type bme280, bmp280)",
    ],
  );
});

test("all adapters but those of screens are searched, and one that hangs does not end the search", async () => {
  const opened: (number | string)[] = [];
  const hanging = createSimulatedBus();
  hanging.script(() => "ETIMEDOUT");
  const openBus = async (number: number | string): Promise<SimulatedBus> => {
    opened.push(number);
    return number === 1 ? hanging : createSimulatedBus();
  };
  const { signal } = new AbortController();
  const found = await Array.fromAsync(discover({ signal, log }, openBus, dir));
  assert.deepEqual(opened, [1, 2]);
  assert.deepEqual(
    found.map(({ summary }) => summary),
    [
      "i2c-1 address 0x48: the kernel's driver lm75 (tmp105) has it",
      "i2c-2 address 0x49: the kernel's driver lm75 (tmp105) has it",
    ],
  );
  assert.match(warnings.at(-1) ?? "", /^i2c-1 could not be searched: the transfer timed out/);
  // Some adapters time out where nobody acknowledges, so one timeout says nothing of the next address.
  assert.ok(hanging.transfers.length > 100);
  assert.ok(hanging.closed);
  await assert.rejects(search(hanging), { code: "I2C_TIMEOUT" });
});

test("a search ends with its signal, and an unknown adapter is an error", async () => {
  const bus = createSimulatedBus();
  await assert.rejects(search(bus, "1", AbortSignal.abort(new Error("given up"))), /given up/);
  assert.equal(bus.transfers.length, 0);
  await assert.rejects(search(bus, "bcm2835"), { code: "I2C_NO_BUS" });
});
