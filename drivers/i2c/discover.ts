/**
 * Who answers on the adapters.
 *
 * 1. An address is asked by reading one byte. Nothing is written but where `identify.ts` says so.
 * 2. What a driver of the kernel has is told, and left alone.
 * 3. 0x69 is not asked: clock generators there take a read for the begin of an order, and hold the bus.
 * 4. Adapters of screens and of PC mainboards, which have memory modules and chips of the mainboard on them, are left
 *    out unless they are asked for.
 *
 * A chip that does not acknowledge a read while it has nothing to say, as an SHT3x, is not found.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type DiscoverOptions,
  type Found,
  isUmecError,
  messageOf,
  type UmecError,
} from "../../runtime/plugin/sdk.ts";
import { type Adapter, adapterNumber, adaptersIn, sysfs } from "./adapters.ts";
import { hex } from "./errors.ts";
import type { I2cBus, OpenBus } from "./hardware.ts";
import { identify } from "./identify.ts";
import { likelyAt } from "./likely.ts";

const [first, last] = [0x08, 0x77];
const neverAsked = 0x69;
const notOurs = /\b(ddc|aux|smbus|hdmi|dpdd|gmbus|nvkm|amdgpu)/i;

/** `at` is an adapter as in the option `bus`; then its errors are thrown, else they are logged. */
export async function* discover(
  { at, signal, log }: DiscoverOptions,
  openBus: OpenBus,
  dir: string = sysfs,
): AsyncIterable<Found> {
  const adapters = await adaptersIn(dir);
  const number = at === undefined ? undefined : await adapterNumber(/^\d+$/.test(at) ? Number(at) : at, dir);
  const asked =
    number === undefined
      ? adapters.filter(({ name }) => !notOurs.test(name))
      : [adapters.find((adapter) => adapter.number === number) ?? { number, name: "" }];
  for (const adapter of asked) {
    try {
      yield* onAdapter(adapter, signal, openBus, dir);
    } catch (error) {
      signal.throwIfAborted();
      if (number !== undefined) throw error;
      log.warn(`i2c-${adapter.number} could not be searched: ${messageOf(error)}`);
    }
  }
}

async function* onAdapter(
  { number }: Adapter,
  signal: AbortSignal,
  openBus: OpenBus,
  dir: string,
): AsyncIterable<Found> {
  const taken = await takenBy(number, dir);
  const bus = await openBus(number);
  let timeout: UmecError | undefined;
  let inTime = 0;
  try {
    for (let address = first; address <= last; address += 1) {
      signal.throwIfAborted();
      if (address === neverAsked) continue;
      const title = `i2c-${number} address ${hex(address)}`;
      const driver = taken.get(address);
      if (driver !== undefined) {
        yield { summary: `${title}: the kernel's driver ${driver} has it` };
        continue;
      }
      const answer = await ask(bus, address);
      if (isUmecError(answer)) timeout = answer;
      else inTime += 1;
      if (answer === "claimed") yield { summary: `${title}: a driver of the kernel has it` };
      if (answer instanceof Buffer) yield await describe(bus, { number, address, title, answer });
    }
    if (timeout && inTime === 0) throw timeout;
  } finally {
    await bus.close();
  }
}

async function ask(bus: I2cBus, address: number): Promise<Buffer | UmecError | "nobody" | "claimed"> {
  try {
    return await bus.read(address, 1);
  } catch (error) {
    // Some adapters wait for their timeout where nobody acknowledges.
    if (isUmecError(error, "I2C_NO_ANSWER")) return "nobody";
    if (isUmecError(error, "I2C_TIMEOUT")) return error;
    if (isUmecError(error, "I2C_CLAIMED")) return "claimed";
    throw error;
  }
}

async function describe(
  bus: I2cBus,
  { number, address, title, answer }: { number: number; address: number; title: string; answer: Buffer },
): Promise<Found> {
  const identity = await identify(bus, address, answer[0]!);
  if (identity) {
    const { chip, type } = identity;
    if (type === undefined) return { summary: `${title}: ${chip}` };
    const device = { [`${type}-${address.toString(16)}`]: { type, address } };
    return {
      summary: `${title}: ${chip}`,
      plugin: { name: `i2c${number}`, options: { bus: number, devices: device } },
    };
  }
  const { chips, types } = likelyAt(address);
  if (chips.length === 0) return { summary: `${title}: a device` };
  const readBy = types.length > 0 ? ` (type ${types.join(", ")})` : "";
  return { summary: `${title}: by its address ${chips.join(", ")} or another${readBy}` };
}

/** Addresses of an adapter that drivers of the kernel have, with their names: sysfs has `1-0048` for 0x48 on i2c-1. */
async function takenBy(number: number, dir: string): Promise<Map<number, string>> {
  const taken = new Map<number, string>();
  for (const entry of await readdir(dir).catch(() => [])) {
    const address = new RegExp(`^${number}-00([0-9a-f]{2})$`).exec(entry)?.[1];
    if (address === undefined) continue;
    const driver = await readlink(join(dir, entry, "driver")).then(basename, () => undefined);
    if (driver === undefined) continue;
    const name = (await readFile(join(dir, entry, "name"), "utf8").catch(() => "")).trim();
    taken.set(Number.parseInt(address, 16), name === "" || name === driver ? driver : `${driver} (${name})`);
  }
  return taken;
}
