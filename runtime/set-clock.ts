/**
 * Sets the system's clock: clock_settime(2), through koffi, as Node.js does not have it.
 *
 * It needs CAP_SYS_TIME. Where systemd gives it as an ambient capability, every program that this process starts
 * would have it too; {@link keepClockToOurselves} takes it out of what they inherit, while this thread keeps it.
 */
import { readFile } from "node:fs/promises";
import { getSystemErrorName } from "node:util";

/** Sets the clock to Unix milliseconds; resolves with why it could not be set, or `undefined` when it was. */
export type SetClock = (unixMs: number) => Promise<string | undefined>;

const clockRealtime = 0;
const prCapAmbient = 47;
const prCapAmbientClearAll = 4;

export const setSystemClock: SetClock = async (unixMs) => {
  const { default: koffi } = await import("koffi");
  const settime = koffi.load(null).func("int clock_settime(int clock, const int64_t *time)") as (
    clock: number,
    time: BigInt64Array,
  ) => number;
  // struct timespec of a 64-bit system: seconds and nanoseconds.
  const us = BigInt(Math.round(unixMs * 1000));
  const time = BigInt64Array.of(us / 1_000_000n, (us % 1_000_000n) * 1000n);
  return settime(clockRealtime, time) === 0 ? undefined : getSystemErrorName(-koffi.errno());
};

/** To be called on the thread that starts programs, before the first. Does nothing where nothing is inherited. */
export async function keepClockToOurselves(): Promise<void> {
  const status = await readFile("/proc/self/status", "latin1").catch(() => "");
  const inherited = /^CapAmb:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  if (/^0*$/.test(inherited)) return;
  const { default: koffi } = await import("koffi");
  const prctl = koffi.load(null).func("int prctl(int option, ulong a, ulong b, ulong c, ulong d)") as (
    ...args: number[]
  ) => number;
  prctl(prCapAmbient, prCapAmbientClearAll, 0, 0, 0);
}
