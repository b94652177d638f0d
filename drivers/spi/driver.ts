/**
 * The SPI driver: samples any number of devices on one controller, and sends commands to them.
 *
 * The parts: `linux-port` is a chip select (`simulator` its twin), a type in `chips/` says as data what a device is
 * (`chip`), `program` does what the data say, `wires` is a device's way to the bus. `common/shared-bus` gives the
 * devices their turns, samples them, and keeps those that fail from delaying the others.
 */
import {
  type Driver,
  defineDriver,
  type Host,
  isUmecError,
  type UmecError,
} from "../../runtime/plugin/sdk.ts";
import { startDevice } from "../common/shared-bus/start-device.ts";
import { createTurns } from "../common/shared-bus/turns.ts";
import { checkOptions } from "./check.ts";
import { quantitiesOf } from "./chip.ts";
import { chipTypes } from "./chips.ts";
import { discover } from "./discover.ts";
import { isBusError, nodeOf, stuckError } from "./errors.ts";
import type { OpenPort, PortSettings } from "./hardware.ts";
import { openLinuxPort } from "./linux-port.ts";
import { type DeviceOptions, defaults, optionsSchema, type SpiOptions } from "./options.ts";
import { command, sample } from "./program.ts";
import { createWires, type DeviceWires } from "./wires.ts";

/** The driver on another bus than the kernel's: for tests. */
export function createDriver({ openPort }: { openPort: OpenPort }): Driver<typeof optionsSchema> {
  return defineDriver({
    manifest: {
      name: "spi",
      version: "0.1.0",
      kind: "low",
      summary: "Samples and commands devices on an SPI bus: known chips, and any other by its transfers.",
      options: optionsSchema,
      points: ({ devices }) =>
        Object.entries(devices).flatMap(([name, device]) => [
          { name: `${name}/online`, summary: "Whether the device answers" },
          ...quantitiesOf(chipTypes[device.type].program(device)).map((quantity) => ({
            ...quantity,
            name: `${name}/${quantity.name}`,
          })),
        ]),
      check: checkOptions,
      needs: ({ bus, devices }) => ({
        devices: Object.values(devices).map(({ chipSelect }) => nodeOf({ bus, chipSelect })),
      }),
      deadlineMs,
    },
    run: (options, host, signal) => run(options, host, signal, openPort),
    discover: ({ signal }) => discover(signal),
  });
}

export const driver = createDriver({ openPort: openLinuxPort });
export default driver;

/** Room for two samples of the slowest device. */
function deadlineMs({ devices }: SpiOptions): number {
  const slowest = Math.max(...Object.values(devices).map(({ everyMs = defaults.everyMs }) => everyMs));
  return Math.max(60_000, 2 * slowest + 30_000);
}

async function run(options: SpiOptions, host: Host, signal: AbortSignal, openPort: OpenPort): Promise<void> {
  const { bus, timeoutMs = defaults.timeoutMs } = options;
  const turns = createTurns({ timeoutMs, stuckError });
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => end(), { once: true });
  if (signal.aborted) end();
  const all: DeviceWires[] = [];
  try {
    for (const [name, device] of Object.entries(options.devices)) {
      const place = { bus, chipSelect: device.chipSelect };
      const wires = createWires({
        open: () => openPort(place, settingsOf(device)),
        turns,
        sleep: (ms) => host.scheduler.sleep(ms),
      });
      all.push(wires);
      start(name, device, options, { wires, host, signal, fail });
    }
    await ended;
  } finally {
    await Promise.allSettled(all.map((wires) => wires.close()));
  }
}

interface Surroundings {
  wires: DeviceWires;
  host: Host;
  signal: AbortSignal;
  fail: (error: UmecError) => void;
}

function start(
  name: string,
  device: DeviceOptions,
  { bus, quarantine = defaults.quarantine, offlineAfter = defaults.offlineAfter }: SpiOptions,
  { wires, host, signal, fail }: Surroundings,
): void {
  const { type, chipSelect, everyMs = defaults.everyMs } = device;
  const program = chipTypes[type].program(device);
  startDevice(
    {
      name,
      title: `${name} (${type} at ${nodeOf({ bus, chipSelect })})`,
      everyMs,
      quantities: quantitiesOf(program),
      sample: () => sample(program, wires.samples),
      write: (quantity, value) => command(program.commands![quantity]!, value, wires.commands),
      judge(error) {
        if (!isUmecError(error) || !error.code.startsWith("SPI_")) return { kind: "mistake" };
        return { kind: isBusError(error) ? "bus" : "device", error };
      },
    },
    { host, signal, quarantine, offlineAfter, codes: { offline: "SPI_OFFLINE", busy: "SPI_BUSY" }, fail },
  );
}

/** What is left out is what the type needs. */
export function settingsOf(device: DeviceOptions): PortSettings {
  const { type, mode = 0, bitsPerWord = 8, lsbFirst = false, chipSelectHigh = false, delayUs = 0 } = device;
  return {
    speedHz: device.speedHz ?? chipTypes[type].speedHz,
    mode,
    bitsPerWord,
    lsbFirst,
    chipSelectHigh,
    delayUs,
  };
}
