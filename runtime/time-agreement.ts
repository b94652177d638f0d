/**
 * When what receivers of time say is believed.
 *
 * One reading proves nothing: a receiver that has just woken up tells the time of its own clock, one whose firmware is
 * old is 1024 weeks off, one that hangs repeats itself. So a reading is an interval, its time ± its accuracy less the
 * monotonic clock, and it takes at least {@link fewest} of them which all overlap and lie so far apart in time that a
 * receiver which stands still would have been noticed. A reading that does not fit the ones before takes their place:
 * the next ones show which was right.
 */
import type { TimeReading } from "./plugin/contract.ts";

/** What readings agree on: `unixMs - monotonicMs`, to be added to the monotonic clock. */
export interface Agreement {
  offsetMs: number;
  /** Half of the interval that all readings share. */
  accuracyMs: number;
}

const fewest = 3;
const most = 8;
/** A reading that is less sure is no help. */
const worstAccuracyMs = 10_000;
/** Readings older than this say little: the monotonic clock has drifted since. */
const oldestMs = 10 * 60_000;
/** Between reading and offering it; more, and it was kept somewhere. */
const longestDelayMs = 60_000;

export class TimeAgreement {
  readonly #earliestMs: number;
  readonly #latestMs: number;
  #readings: TimeReading[] = [];

  /** Times before `earliestMs` or 50 years after it are nobody's. */
  constructor(earliestMs: number) {
    this.#earliestMs = earliestMs;
    this.#latestMs = earliestMs + 50 * 365.25 * 86_400_000;
  }

  /** Takes a reading; returns what the latest ones agree on, or `undefined` as long as they don't. */
  add(reading: TimeReading, nowMonotonicMs: number): Agreement | undefined {
    if (!this.#isPlausible(reading, nowMonotonicMs)) return undefined;
    const { unixMs, monotonicMs, accuracyMs } = reading;
    const last = this.#readings.at(-1);
    // An offer of the same moment again is no further witness.
    if (last && monotonicMs <= last.monotonicMs) return undefined;
    const recent = this.#readings.filter((other) => monotonicMs - other.monotonicMs <= oldestMs);
    const kept = [...recent.slice(1 - most), { unixMs, monotonicMs, accuracyMs }];
    const shared = intersection(kept);
    if (!shared) {
      this.#readings = [reading];
      return undefined;
    }
    this.#readings = kept;
    const first = kept[0]!;
    const apartMs = monotonicMs - first.monotonicMs;
    if (kept.length < fewest || apartMs <= first.accuracyMs + accuracyMs) return undefined;
    return shared;
  }

  #isPlausible({ unixMs, monotonicMs, accuracyMs }: TimeReading, nowMonotonicMs: number): boolean {
    const ageMs = nowMonotonicMs - monotonicMs;
    return (
      unixMs >= this.#earliestMs &&
      unixMs <= this.#latestMs &&
      accuracyMs >= 0 &&
      accuracyMs <= worstAccuracyMs &&
      ageMs >= -1 &&
      ageMs <= longestDelayMs
    );
  }
}

function intersection(readings: readonly TimeReading[]): Agreement | undefined {
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  for (const { unixMs, monotonicMs, accuracyMs } of readings) {
    // A clock of milliseconds can't say better than this, whatever its owner claims.
    const halfMs = Math.max(1, accuracyMs);
    low = Math.max(low, unixMs - monotonicMs - halfMs);
    high = Math.min(high, unixMs - monotonicMs + halfMs);
  }
  return low <= high ? { offsetMs: (low + high) / 2, accuracyMs: (high - low) / 2 } : undefined;
}
