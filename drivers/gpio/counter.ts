/** Counts the pulses of one input. */
import type { Edge, EdgeKind } from "./port.ts";

export interface Counter {
  /** An edge that was told, with those before it that went missing: their number is known, so the total stays right. */
  add(edge: Edge): void;
  /** Pulses since the first start ever, or since it was set. */
  readonly total: number;
  set(total: number): void;
  /** Pulses per second since the last call, and whether all of them were seen. */
  rate(nowMs: number): { perS: number; lost: number };
}

/**
 * With `both` a pulse is a rising edge; else each edge that is told is one. Of edges that went missing with `both`
 * every other one is taken as rising.
 */
export function createCounter(edge: EdgeKind, total: number, nowMs: number): Counter {
  let level: boolean | undefined;
  let counted = total;
  let counts = { since: total, atMs: nowMs, lost: 0 };

  function pulsesOf({ rising, lost }: Edge): number {
    if (edge !== "both") return 1 + lost;
    const lostRising = level === false ? Math.ceil(lost / 2) : Math.floor(lost / 2);
    level = rising;
    return lostRising + (rising ? 1 : 0);
  }

  return {
    add(change) {
      counted += pulsesOf(change);
      counts.lost += change.lost;
    },
    get total() {
      return counted;
    },
    set(value) {
      counts.since += value - counted;
      counted = value;
    },
    rate(atMs) {
      const seconds = (atMs - counts.atMs) / 1000;
      const perS = seconds > 0 ? (counted - counts.since) / seconds : 0;
      const { lost } = counts;
      counts = { since: counted, atMs, lost: 0 };
      return { perS: Math.round(perS * 1000) / 1000, lost };
    },
  };
}
