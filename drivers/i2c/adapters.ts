/**
 * Which adapter is meant. Linux numbers adapters as it finds them, so the same connector has other numbers on other
 * boards and kernels; an adapter's name, or a link that udev makes, stays.
 */
import { readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { openError } from "./errors.ts";

/** Where Linux shows adapters and devices. */
export const sysfs = "/sys/bus/i2c/devices";

export interface Adapter {
  number: number;
  /** What the kernel calls it. */
  name: string;
}

/**
 * The number of an adapter that is given by its number, by a path (`/dev/i2c-1`, or a link to such a file) or by its
 * name or the beginning of it (`bcm2835`), as in `/sys/bus/i2c/devices/i2c-<number>/name`. Throws `I2C_NO_BUS`.
 */
export async function adapterNumber(bus: number | string, dir: string = sysfs): Promise<number> {
  if (typeof bus === "number") return bus;
  return bus.startsWith("/") ? numberOfPath(bus) : numberOfName(bus, dir);
}

async function numberOfPath(path: string): Promise<number> {
  const real = await realpath(path).catch((error: unknown) => {
    throw openError(error, path);
  });
  const number = /\/i2c-(\d+)$/.exec(real)?.[1];
  if (number !== undefined) return Number(number);
  throw new UmecError("I2C_NO_BUS", `${path} is no I2C adapter`, {
    hint: "they are called /dev/i2c-<number>",
  });
}

async function numberOfName(name: string, dir: string): Promise<number> {
  const adapters = await adaptersIn(dir);
  const exact = adapters.filter((adapter) => adapter.name === name);
  const found = exact.length > 0 ? exact : adapters.filter((adapter) => adapter.name.startsWith(name));
  if (found.length === 1) return found[0]!.number;
  const there = adapters.map(({ number, name: known }) => `${number} ${JSON.stringify(known)}`).join(", ");
  throw new UmecError(
    "I2C_NO_BUS",
    found.length === 0
      ? `no I2C adapter has the name ${JSON.stringify(name)}`
      : `${found.length} I2C adapters have a name that begins with ${JSON.stringify(name)}`,
    { hint: there === "" ? "this machine has no adapter" : `there are: ${there}` },
  );
}

/** All adapters, by number. */
export async function adaptersIn(dir: string): Promise<Adapter[]> {
  const entries = await readdir(dir).catch(() => []);
  const numbers = entries.flatMap((entry) => /^i2c-(\d+)$/.exec(entry)?.[1] ?? []).map(Number);
  return Promise.all(
    numbers
      .toSorted((a, b) => a - b)
      .map(async (number) => {
        const name = await readFile(join(dir, `i2c-${number}`, "name"), "utf8").catch(() => "");
        return { number, name: name.trim() };
      }),
  );
}
