import { readFileSync } from "node:fs";

/** The kernel's name for this boot; a constant where there is none. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "00000000-0000-0000-0000-000000000000";
  }
}

/** Milliseconds on the kernel's monotonic clock: the same for every process of this boot. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
