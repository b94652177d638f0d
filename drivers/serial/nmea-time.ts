/**
 * The time that a receiver tells (RMC and ZDA), and whether it is one.
 *
 * A week of GPS is told in ten bits: a receiver that is older than 1024 weeks, or that has just lost its memory, may say a
 * date that is 1024 weeks (19.6 years) or 2048 too early. It is told by {@link firstDayMs}: no node that runs this was
 * there before. The years that a correction can give are 1024 weeks long, so the correction is never in doubt.
 */

export type ReceiverTime = { unixMs: number } | { refused: string };

/** 2024-11-01: this driver is younger. */
export const firstDayMs = Date.UTC(2024, 10, 1);
export const rolloverMs = 1024 * 7 * 86_400_000;

/**
 * Judges a date and time as sentences tell them. The package for sentences is not asked: of RMC it drops fractions of
 * a second that are not two digits.
 *
 * @param date `ddmmyy` or `ddmmyyyy`, digits only
 * @param time `hhmmss`, a fraction may follow
 */
export function judgeTime(date: string, time: string, weekRollover: "refuse" | "correct"): ReceiverTime {
  const day = Number(date.slice(0, 2));
  const month = Number(date.slice(2, 4));
  const year = date.length === 6 ? fullYear(Number(date.slice(4))) : Number(date.slice(4));
  const midnight = new Date(Date.UTC(year, month - 1, day));
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) {
    return { refused: `${date} is no date` };
  }
  const minutes = Number(time.slice(0, 2)) * 60 + Number(time.slice(2, 4));
  const unixMs = midnight.getTime() + minutes * 60_000 + Math.round(Number(time.slice(4)) * 1000);
  const said = new Date(unixMs).toISOString();
  if (unixMs >= firstDayMs + rolloverMs) return { refused: `${said} is too late to be true` };
  if (unixMs >= firstDayMs) return { unixMs };
  if (weekRollover === "refuse") {
    return { refused: `${said} is in the past: the receiver's week number may have rolled over` };
  }
  return { unixMs: unixMs + rolloverMs * Math.ceil((firstDayMs - unixMs) / rolloverMs) };
}

/** GPS began in 1980. */
function fullYear(twoDigits: number): number {
  return twoDigits < 80 ? 2000 + twoDigits : 1900 + twoDigits;
}
