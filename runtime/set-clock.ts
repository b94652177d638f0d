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
const prCapAmbientRaise = 2;
const capSysTime = 25;

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
  const prctl = await loadPrctl();
  prctl(prCapAmbient, prCapAmbientClearAll, 0, 0, 0);
}

/** Takes that back, for a program that this process is about to be replaced by. Does nothing without the privilege. */
export async function handClockOn(): Promise<void> {
  const status = await readFile("/proc/self/status", "latin1").catch(() => "");
  const inheritable = BigInt(`0x${/^CapInh:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  if ((inheritable & (1n << BigInt(capSysTime))) === 0n) return;
  const prctl = await loadPrctl();
  prctl(prCapAmbient, prCapAmbientRaise, capSysTime, 0, 0);
}

async function loadPrctl(): Promise<(...args: number[]) => number> {
  const { default: koffi } = await import("koffi");
  return koffi.load(null).func("int prctl(int option, ulong a, ulong b, ulong c, ulong d)");
}
