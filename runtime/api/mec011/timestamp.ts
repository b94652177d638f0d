import type { TimeStamp } from "./schema/words.ts";

/** Unix time in milliseconds, as the standard writes it. What is before 1970 is 0: the node's clock is not set. */
export function toTimeStamp(ms: number): TimeStamp {
  const whole = Math.max(0, Math.floor(ms));
  return { seconds: Math.floor(whole / 1_000), nanoSeconds: (whole % 1_000) * 1_000_000 };
}

export function fromTimeStamp({ seconds, nanoSeconds }: TimeStamp): number {
  return seconds * 1_000 + Math.floor(nanoSeconds / 1_000_000);
}
