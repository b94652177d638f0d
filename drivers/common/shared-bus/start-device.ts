/**
 * One device at work: when it is asked, what is emitted, and what happens when it fails.
 *
 * Each sample of a device is one emit, with one time, also when nothing has changed: so the hub can tell a value that
 * stays from a device that is silent. `<device>/online` says, as an alarm, when it goes and when it is back.
 */
import { type Host, messageOf, type Sample, type UmecError } from "../../../runtime/plugin/sdk.ts";
import type { BusDevice, Reading } from "./bus-device.ts";
import { offerCommands } from "./commands.ts";
import { createHealth, type Health } from "./health.ts";

export interface StartOptions {
  host: Host;
  /** Of the plugin. */
  signal: AbortSignal;
  /** Waits, doubling, before a device that failed is asked again, in milliseconds; the first not above its interval. */
  quarantine: { initialMs: number; maxMs: number };
  /** Failures in a row that make a device offline. */
  offlineAfter: number;
  /** Codes of errors of commands. */
  codes: { offline: string; busy: string };
  /** Called when the bus itself can't be had. */
  fail: (error: UmecError) => void;
}

/** Samples a device until the plugin stops, and answers its commands. */
export function startDevice(device: BusDevice, options: StartOptions): Health {
  const { name, title, everyMs } = device;
  const { host, signal, quarantine, offlineAfter, codes, fail } = options;
  const units = new Map(device.quantities.map(({ name: quantity, unit }) => [quantity, unit]));
  let prepared = false;
  let busy = false;

  const health = createHealth({
    title,
    offlineCode: codes.offline,
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

  function failed(cause: unknown): void {
    prepared = false;
    const found = device.judge(cause);
    if (found.kind === "mistake") throw cause;
    if (found.kind === "bus") {
      fail(found.error);
      return;
    }
    const waitMs = health.failed(found.error);
    host.log.debug(`${title}: ${found.error.message}`, { waitMs });
    // Timers may be a little early.
    host.scheduler.sleep(waitMs + 2).then(
      () => poll().catch(unexpected),
      () => {},
    );
  }

  function unexpected(reason: unknown): void {
    if (!signal.aborted) host.log.warn(`${title}: ${messageOf(reason)}`);
  }

  async function read(): Promise<readonly Reading[] | undefined> {
    try {
      if (!prepared) await device.prepare?.();
      prepared = true;
      const readings = await device.sample();
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
        readings.map(({ quantity, ...rest }): Sample => {
          const unit = units.get(quantity);
          return { name: `${name}/${quantity}`, ...rest, ...(unit !== undefined && { unit }), ...time };
        }),
      );
    } finally {
      busy = false;
    }
  }

  offerCommands({ device, busyCode: codes.busy, health, host });
  host.scheduler.every(everyMs, poll);
  return health;
}

function timeOf({ clock }: Host): { timeMs?: number } {
  return clock.known() ? { timeMs: clock.nowMs() } : {};
}
