/**
 * One device at work: when it is asked, what is emitted, and what happens when it fails.
 *
 * Each sample of a device is one emit, with one time, also when nothing has changed: so the hub can tell a value that
 * stays from a device that is silent. `<device>/online` says, as an alarm, when it goes and when it is back.
 */
import { type Host, isUmecError, messageOf, type Sample, type UmecError } from "../../runtime/plugin/sdk.ts";
import type { Reading } from "./chip.ts";
import { chipTypes } from "./chips.ts";
import { offerCommands } from "./commands.ts";
import { hex, isBusError } from "./errors.ts";
import type { I2cBus } from "./hardware.ts";
import { createHealth, type Health } from "./health.ts";
import { type DeviceOptions, defaults, type I2cOptions } from "./options.ts";
import { createPort } from "./port.ts";
import type { Turns } from "./turns.ts";

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
  const title = `${name} (${type.name} at ${hex(address)})`;
  const sleep = (ms: number): Promise<void> => host.scheduler.sleep(ms);
  const port = createPort({ bus, turns, address, sleep });
  const urgent = createPort({ bus, turns, address, sleep, urgent: true });
  const units = new Map(type.quantities(device).map(({ name: quantity, unit }) => [quantity, unit]));
  let prepared = false;
  let busy = false;

  const health = createHealth({
    title,
    nowMs: () => host.clock.monotonicMs(),
    backoff: { ...quarantine, initialMs: Math.min(quarantine.initialMs, everyMs) },
    offlineAfter,
    onChange(online, error) {
      if (online) host.log.info(`${title} answers`);
      else host.log.warn(`${title} is offline: ${error?.message}`, { error });
      host
        .emit([{ name: `${name}/online`, value: online, ...timeOf(host) }], { lane: "alarm" })
        .catch((reason: unknown) => host.log.warn(`${name}/online was not stored: ${messageOf(reason)}`));
    },
  });

  function failed(error: unknown): void {
    prepared = false;
    // What is not ours is a mistake in the program, or the plugin's end.
    if (!isUmecError(error) || !error.code.startsWith("I2C_")) throw error;
    if (isBusError(error)) {
      fail(error);
      return;
    }
    const waitMs = health.failed(error);
    host.log.debug(`${title}: ${error.message}`, { waitMs });
    // Timers may be a little early.
    sleep(waitMs + 2).then(
      () => poll().catch(unexpected),
      () => {},
    );
  }

  function unexpected(reason: unknown): void {
    if (!signal.aborted) host.log.warn(`${title}: ${messageOf(reason)}`);
  }

  async function read(): Promise<Reading[] | undefined> {
    try {
      if (!prepared) await chip.prepare?.(port);
      prepared = true;
      const readings = await chip.sample(port);
      if (readings.length > 0) health.answered();
      return readings;
    } catch (error) {
      failed(error);
      return undefined;
    }
  }

  async function poll(): Promise<void> {
    if (busy || !health.due) return;
    busy = true;
    try {
      const readings = await read();
      if (!readings || readings.length === 0) return;
      const time = timeOf(host);
      await host.emit(
        readings.map(({ quantity, value }): Sample => {
          const unit = units.get(quantity);
          return { name: `${name}/${quantity}`, value, ...(unit !== undefined && { unit }), ...time };
        }),
      );
    } finally {
      busy = false;
    }
  }

  offerCommands({ name, quantities: type.quantities(device), chip, port: urgent, health, host });
  host.scheduler.every(everyMs, poll);
  return health;
}

function timeOf({ clock }: Host): { timeMs?: number } {
  return clock.known() ? { timeMs: clock.nowMs() } : {};
}
