import { type Host, isUmecError, type UmecError } from "../../runtime/plugin/sdk.ts";
import type { Health } from "../common/shared-bus/health.ts";
import { startDevice as start } from "../common/shared-bus/start-device.ts";
import type { Turns } from "../common/shared-bus/turns.ts";
import { chipTypes } from "./chips.ts";
import { hex, isBusError } from "./errors.ts";
import type { I2cBus } from "./hardware.ts";
import { type DeviceOptions, defaults, type I2cOptions } from "./options.ts";
import { createPort } from "./port.ts";

export interface DeviceHost {
  bus: I2cBus;
  turns: Turns;
  host: Host;
  /** Of the plugin. */
  signal: AbortSignal;
  /** Called when the adapter itself can't be had. */
  fail: (error: UmecError) => void;
}

/** Samples a device until the plugin stops, and answers its commands. */
export function startDevice(
  name: string,
  device: DeviceOptions,
  options: I2cOptions,
  { bus, turns, host, signal, fail }: DeviceHost,
): Health {
  const type = chipTypes[device.type];
  const chip = type.create(device);
  const { everyMs = defaults.everyMs, address } = device;
  const { quarantine = defaults.quarantine, offlineAfter = defaults.offlineAfter } = options;
  const sleep = (ms: number): Promise<void> => host.scheduler.sleep(ms);
  const port = createPort({ bus, turns, address, sleep });
  const urgent = createPort({ bus, turns, address, sleep, urgent: true });
  const command = chip.command?.bind(chip);
  return start(
    {
      name,
      title: `${name} (${type.name} at ${hex(address)})`,
      everyMs,
      quantities: type.quantities(device),
      prepare: async () => chip.prepare?.(port),
      sample: () => chip.sample(port),
      ...(command && { write: (quantity: string, value: unknown) => command(urgent, quantity, value) }),
      judge(error) {
        if (!isUmecError(error) || !error.code.startsWith("I2C_")) return { kind: "mistake" };
        return { kind: isBusError(error) ? "bus" : "device", error };
      },
    },
    {
      host,
      signal,
      quarantine,
      offlineAfter,
      codes: { offline: "I2C_OFFLINE", busy: "I2C_BUSY" },
      fail,
    },
  );
}
