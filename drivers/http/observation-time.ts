import { describe, kindOf } from "./describe.ts";
import type { TimeOptions } from "./options.ts";

export type ObservationTime = { timeMs: number } | { kind: string; reason: string };

/** SenML takes a time below 2^28 s (July 1978) as relative to now (RFC 8428 section 4.5.3). */
const earliestMs = 2 ** 28 * 1000;
const latestMs = Date.UTC(9999, 11, 31);

/** Reads an observation time as Unix milliseconds; what can't be one is told with what it is instead. */
export function readTime(found: unknown, format: TimeOptions["format"]): ObservationTime {
  const timeMs =
    format === "rfc3339" ? parseRfc3339(found) : parseUnix(found, format === "unix-s" ? 1000 : 1);
  if (timeMs === undefined)
    return { kind: `not-${format}-${kindOf(found)}`, reason: `${describe(found)}, no ${format} time` };
  if (timeMs >= earliestMs && timeMs <= latestMs) return { timeMs };
  return { kind: "out-of-range", reason: `${describe(found)}, a time before July 1978 or after 9999` };
}

function parseUnix(found: unknown, msPerUnit: number): number | undefined {
  const numeric = typeof found === "string" && /^\d+(\.\d+)?$/.test(found) ? Number(found) : found;
  return typeof numeric === "number" ? Math.round(numeric * msPerUnit) : undefined;
}

const syntax = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** RFC 3339 section 5.6, also with the blank of its note; a leap second counts as the second behind it. */
function parseRfc3339(found: unknown): number | undefined {
  const parts = typeof found === "string" ? syntax.exec(found) : null;
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [offsetHour, offsetMinute] = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day));
  // Date.UTC turns 30 February into 2 March, and the year 80 into 1980.
  if (date.toISOString().slice(0, 10) !== parts.slice(1, 4).join("-")) return undefined;
  const offsetMinutes = (parts[8] === "-" ? -1 : 1) * (offsetHour * 60 + offsetMinute);
  const fractionMs = Number((parts[7] ?? ".").slice(1, 4).padEnd(3, "0"));
  return date.getTime() + ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1000 + fractionMs;
}
