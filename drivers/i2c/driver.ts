/**
 * The I2C driver: samples any number of devices on one adapter, and writes to them.
 *
 * The parts: `linux-bus` is the adapter (`simulator` its twin), `port` is what a chip's module in `chips/` sees of it,
 * `device` joins the two. `common/shared-bus` gives the devices their turns, samples them, keeps those that fail from
 * delaying the others, and writes.
 */
import { type Driver, defineDriver, type Host, type UmecError } from "../../runtime/plugin/sdk.ts";
import { createTurns } from "../common/shared-bus/turns.ts";
import { checkOptions } from "./check.ts";
import { chipTypes } from "./chips.ts";
import { startDevice } from "./device.ts";
import { discover } from "./discover.ts";
import { stuckError } from "./errors.ts";
import type { OpenBus } from "./hardware.ts";
import { openLinuxBus } from "./linux-bus.ts";
import { defaults, type I2cOptions, optionsSchema } from "./options.ts";

/** The driver on another bus than the kernel's: for tests. */
export function createDriver(openBus: OpenBus): Driver<typeof optionsSchema> {
  return defineDriver({
    manifest: {
      name: "i2c",
      version: "0.1.0",
      kind: "low",
      summary: "Samples and writes devices on an I2C bus: known chips, and any other by its registers.",
      options: optionsSchema,
      points: ({ devices }) =>
        Object.entries(devices).flatMap(([name, device]) => [
          { name: `${name}/online`, summary: "Whether the device answers" },
          ...chipTypes[device.type]
            .quantities(device)
            .map((quantity) => ({ ...quantity, name: `${name}/${quantity.name}` })),
        ]),
      check: checkOptions,
      needs: ({ bus }) => {
        if (typeof bus === "number") return { devices: [`/dev/i2c-${bus}`] };
        return bus.startsWith("/") ? { devices: [bus] } : {};
      },
      deadlineMs,
    },
    run: (options, host, signal) => run(options, host, signal, openBus),
    discover: (options) => discover(options, openBus),
  });
}

export const driver = createDriver(openLinuxBus);
export default driver;

/** Room for two samples of the slowest device. */
function deadlineMs({ devices }: I2cOptions): number {
  const slowest = Math.max(...Object.values(devices).map(({ everyMs = defaults.everyMs }) => everyMs));
  return Math.max(60_000, 2 * slowest + 30_000);
}

async function run(options: I2cOptions, host: Host, signal: AbortSignal, openBus: OpenBus): Promise<void> {
  const bus = await openBus(options.bus);
  const turns = createTurns({ timeoutMs: options.timeoutMs ?? defaults.timeoutMs, stuckError });
  const ended = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ended.resolve(), { once: true });
  if (signal.aborted) ended.resolve();
  try {
    const devices = Object.entries(options.devices).map(([name, device]) =>
      startDevice(name, device, options, { bus, turns, host, signal, fail }),
    );
    function fail(error: UmecError): void {
      for (const device of devices) device.lost(error);
      ended.reject(error);
    }
    await ended.promise;
  } finally {
    await bus.close();
  }
}
