import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Driver, Found } from "../plugin/contract.ts";
import type { DriverSource } from "../target/types.ts";

/** What a driver has found, or why it could not look. */
export type Discovery =
  | { kind: "found"; driver: string; found: Found }
  | { kind: "failed"; driver: string; error: unknown };

export interface LookOptions {
  drivers: DriverSource;
  /** Just this driver. @default all that can look */
  only?: string;
  /** Where `only` looks: a serial port, a network; without it drivers that need one are left out. */
  at?: string;
  /** Longest time for each driver. */
  timeoutMs: number;
  log: Log;
  signal: AbortSignal;
}

/**
 * Looks for what is attached to this node, one driver after the other: two that probe the same bus at once could
 * disturb each other.
 *
 * @throws UmecError `DRIVER_UNKNOWN`; `DISCOVER_UNABLE` when the driver that is asked for can't look for anything
 */
export async function* look(options: LookOptions): AsyncGenerator<Discovery> {
  const { drivers, only, at, timeoutMs, log, signal } = options;
  for (const name of only === undefined ? drivers.names() : [only]) {
    const driver: Driver = await drivers.load(name);
    const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    if (!driver.discover) {
      if (only === undefined) continue;
      throw new UmecError("DISCOVER_UNABLE", `the driver ${name} can't look for devices`, {
        hint: `its options are in docs/drivers/${name}.md`,
      });
    }
    try {
      for await (const found of driver.discover({ ...(at !== undefined && { at }), signal: until, log })) {
        yield { kind: "found", driver: name, found };
        signal.throwIfAborted();
      }
    } catch (error) {
      signal.throwIfAborted();
      yield { kind: "failed", driver: name, error: until.aborted ? tookTooLong(name, timeoutMs) : error };
      log.debug(`${name}: ${messageOf(error)}`);
    }
  }
}

function tookTooLong(name: string, timeoutMs: number): UmecError {
  return new UmecError("DISCOVER_TIMEOUT", `not all was looked at within ${timeoutMs / 1000} s`, {
    hint: `give it more time: umec discover ${name} --timeout 5m`,
  });
}
