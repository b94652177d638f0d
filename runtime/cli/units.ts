/** Sizes, durations and counts as people read and write them on the command line. */
import { InvalidArgumentError } from "commander";
import { parseSize } from "../target/size.ts";

export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function formatCount(count: number): string {
  return count.toLocaleString("en-US", { maximumFractionDigits: count < 10 ? 2 : count < 100 ? 1 : 0 });
}

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB"];

export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < byteUnits.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${byteUnits[unit]}`;
}

/** The two largest units: `3 h 12 min`. */
export function formatDuration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min ${s % 60} s`;
  const h = Math.floor(min / 60);
  return h < 48 ? `${h} h ${min % 60} min` : `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** A size such as `10GiB`, or a number of bytes. @throws commander's error for an invalid argument */
export function bytesArgument(text: string): number {
  const bytes = /^\d{1,15}$/.test(text) ? Number(text) : parseSize(text);
  if (bytes === undefined || bytes < 1) {
    throw new InvalidArgumentError("Write a size such as 500MiB or 10GiB.");
  }
  return bytes;
}

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `90s`, `12h` or `30d`. @throws commander's error for an invalid argument */
export function durationArgument(text: string): number {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError("Write a duration such as 90s, 15m, 12h or 30d.");
  return Number(count) * unitMs[unit as keyof typeof unitMs];
}

/** Unix milliseconds of an RFC 3339 time, or of a duration ago. @throws commander's error for an invalid argument */
export function timeArgument(text: string): number {
  if (/^\d{1,9}(ms|s|m|h|d)$/.test(text)) return Date.now() - durationArgument(text);
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new InvalidArgumentError("Write a time such as 2026-03-01T12:00:00Z, or how long ago, such as 2h.");
  }
  return ms;
}

/** A whole number from `min` to `max`. */
export function integerArgument(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
    return value;
  };
}
