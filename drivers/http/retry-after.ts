/** Longest stay away that a server can ask for: a slip of its clock must not silence a request for ever. */
export const longestRetryAfterMs = 24 * 3_600_000;

/**
 * How long `Retry-After` asks us to stay away (RFC 9110 section 10.2.3), in milliseconds from now, at most a day;
 * `undefined` when it asks nothing that can be understood.
 *
 * A date is compared with the answer's own `Date`, so that our clock does not matter; without one with `nowMs`,
 * which is `undefined` as long as our clock is not known.
 */
export function retryAfterMs(headers: Headers, nowMs: number | undefined): number | undefined {
  const text = headers.get("retry-after")?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, longestRetryAfterMs);
  const untilMs = parseHttpDate(text);
  const fromMs = parseHttpDate(headers.get("date") ?? "") ?? nowMs;
  if (untilMs === undefined || fromMs === undefined) return undefined;
  return Math.min(Math.max(0, untilMs - fromMs), longestRetryAfterMs);
}

/** The three forms of RFC 9110 section 5.6.7; the last, of `asctime`, has no zone and means GMT. */
function parseHttpDate(text: string): number | undefined {
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return undefined;
  const ms = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
