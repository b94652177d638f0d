/**
 * What the kernel says of its clock: adjtimex(2), through koffi, as Node.js does not have it. It only asks, which anybody
 * may; where a sandbox forbids that, it is not known.
 */
import type { ClockQuality } from "./api/types.ts";

/** `struct timex` of a 64-bit system has 208 bytes; offsets of what is read here. */
const timexBytes = 208;
const estimatedErrorAt = 32;
const statusAt = 40;
const unsynchronized = 0x40;

/** Without `known`, which is the node's own judgement. */
export async function kernelClock(): Promise<Omit<ClockQuality, "known">> {
  try {
    const { default: koffi } = await import("koffi");
    const adjtimex = koffi.load(null).func("int adjtimex(void *timex)") as (timex: Buffer) => number;
    const timex = Buffer.alloc(timexBytes);
    if (adjtimex(timex) < 0) return { synchronized: false };
    if ((timex.readInt32LE(statusAt) & unsynchronized) !== 0) return { synchronized: false };
    return { synchronized: true, estimatedErrorMs: Number(timex.readBigInt64LE(estimatedErrorAt)) / 1000 };
  } catch {
    return { synchronized: false };
  }
}
