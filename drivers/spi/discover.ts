/**
 * What hangs on SPI controllers, as the device tree says it: SPI itself has no way to ask who is there, and any
 * transfer to an unknown chip could write to it. So nothing is sent.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Found } from "../../runtime/plugin/sdk.ts";
import type { DeviceOptions } from "./options.ts";

const sysfs = "/sys/bus/spi/devices";

/** Names of the device tree (without the manufacturer) that a type of ours can read. */
const knownAs: Readonly<Record<string, DeviceOptions["type"]>> = {
  mcp3004: "mcp3004",
  mcp3008: "mcp3008",
  max31855: "max31855",
  max31855k: "max31855",
  "spi-nor": "w25q",
};

/** Yields the devices that spidev has, and those that it could have. */
export async function* discover(signal: AbortSignal, dir: string = sysfs): AsyncIterable<Found> {
  const entries = await readdir(dir).catch(() => []);
  for (const entry of entries.toSorted()) {
    signal.throwIfAborted();
    const place = /^spi(\d+)\.(\d+)$/.exec(entry);
    if (!place) continue;
    const [bus, chipSelect] = [Number(place[1]), Number(place[2])];
    const names = await compatible(join(dir, entry));
    const driver = await readlink(join(dir, entry, "driver")).then(basename, () => undefined);
    const found = foundAt({ bus, chipSelect }, names, driver);
    if (found) yield found;
  }
}

function foundAt(
  { bus, chipSelect }: { bus: number; chipSelect: number },
  names: readonly string[],
  driver: string | undefined,
): Found | undefined {
  const node = `spidev${bus}.${chipSelect}`;
  const said = names.length > 0 ? `, in the device tree ${names.join(", ")}` : "";
  // Another driver of the kernel has it: its values are to be had there.
  if (driver !== undefined && driver !== "spidev") return undefined;
  if (driver === undefined) {
    const override = `/sys/bus/spi/devices/spi${bus}.${chipSelect}/driver_override`;
    return { summary: `spi${bus}.${chipSelect}${said}: it has no driver; spidev takes it by ${override}` };
  }
  const type = names.map((name) => knownAs[name.replace(/^.*,/, "")]).find((known) => known !== undefined);
  if (type === undefined) return { summary: `${node}${said}` };
  const device = { type, chipSelect, ...(channelsOf[type] && { channels: channelsOf[type] }) };
  const options = { bus, devices: { [`${type}-${chipSelect}`]: device } };
  return { summary: `${node}${said}`, plugin: { name: `spi${bus}`, options } };
}

const single = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`ch${i}`, { input: String(i) }]));
const channelsOf: Partial<Record<DeviceOptions["type"], object>> = { mcp3004: single(4), mcp3008: single(8) };

/** Names of the device tree, most exact first; none where there is no device tree. */
async function compatible(dir: string): Promise<string[]> {
  const text = await readFile(join(dir, "of_node", "compatible"), "utf8").catch(() => "");
  return text.split("\0").filter((name) => name !== "");
}
