/**
 * From the clock of edges to Unix time.
 *
 * The kernel stamps an edge in CLOCK_MONOTONIC, which no time server sets. The node's clock counts whole milliseconds,
 * so the distance of the two, read at some moment, lies within one millisecond above what is read. At first, and when
 * the clock was set, the next full millisecond is awaited (a loop of 1 ms), which gives the distance to microseconds, or to 1 ms if
 * the program is held up just then.
 * From then on it stays as it is for as long as it lies within what is read: edges keep their order and their spacing,
 * over readings too, and a clock that is slowed or sped up is followed.
 *
 * Between two looks at the clocks the program may be held up; then they are looked at again.
 */
import type { Clock } from "../../runtime/plugin/sdk.ts";

/** Unix time of an edge in milliseconds, or `undefined` while the node does not know the time. */
export type UnixTime = (atMs: number) => number | undefined;

const closeMs = 0.2;
const attempts = 4;
/** A little more than one step of the node's clock. */
const tickMs = 1.5;
/** Further away than this the clock was set. */
const setMs = 5;

export interface EventTime {
  /** Reads the clocks; what it returns holds for edges of now. */
  read(): UnixTime;
}

/** @param monotonicMs the clock of edges */
export function createEventTime(clock: Clock, monotonicMs: () => number): EventTime {
  let distanceMs: number | undefined;

  function lowestMs(): number {
    let lowest = Number.NEGATIVE_INFINITY;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const beforeMs = monotonicMs();
      const unixMs = clock.nowMs();
      const afterMs = monotonicMs();
      // Held up before or after the reading: afterwards the distance looks too small, never too large.
      lowest = Math.max(lowest, unixMs - afterMs);
      if (afterMs - beforeMs < closeMs) break;
    }
    return lowest;
  }

  /** Right after the node's clock has moved on. */
  function exactMs(): number {
    const unixMs = clock.nowMs();
    const untilMs = monotonicMs() + tickMs;
    while (clock.nowMs() === unixMs && monotonicMs() < untilMs);
    return lowestMs();
  }

  return {
    read() {
      if (!clock.known()) {
        distanceMs = undefined;
        return () => undefined;
      }
      const lowest = lowestMs();
      const wasSet =
        distanceMs === undefined || distanceMs < lowest - setMs || distanceMs > lowest + 1 + setMs;
      const distance = wasSet ? exactMs() : Math.min(Math.max(distanceMs!, lowest), lowest + 1);
      distanceMs = distance;
      return (atMs) => atMs + distance;
    },
  };
}
