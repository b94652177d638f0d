/**
 * Which emits of a plugin are stored already, so that one that is sent again is stored once.
 *
 * An emit's id is `<session>-<n>`; n counts up by one for each emit of a session. So the numbers that are stored
 * make few ranges, and it takes no time limit to remember them all: a resend after a long outage is known too.
 * Bounds: the latest `maxSessions` sessions, and for each the highest `maxRanges` ranges; what falls out is
 * forgotten, and if it were sent again it would be stored twice.
 */
import type { SeenRecord } from "../handover/record.ts";

export interface EmitId {
  session: string;
  n: number;
}

const syntax = /^([A-Za-z0-9]{1,32})-(\d{1,15})$/;

/** The parts of an emit's id, or `undefined` when it is none. */
export function parseEmitId(text: string): EmitId | undefined {
  const [, session, n] = syntax.exec(text) ?? [];
  return session === undefined ? undefined : { session, n: Number(n) };
}

const maxSessions = 8;
const maxRanges = 4096;

interface Range {
  first: number;
  last: number;
}

export class SeenEmits {
  /** In the order of their last use. Ranges ascend and do not touch. */
  readonly #sessions = new Map<string, Range[]>();

  /** @param known as {@link record} has given it */
  constructor(known: SeenRecord = []) {
    for (const [session, ranges] of known)
      this.#sessions.set(
        session,
        ranges.map(([first, last]) => ({ first, last })),
      );
  }

  /** For another process. */
  record(): SeenRecord {
    return [...this.#sessions].map(([session, ranges]) => [
      session,
      ranges.map(({ first, last }): [number, number] => [first, last]),
    ]);
  }

  has({ session, n }: EmitId): boolean {
    const ranges = this.#sessions.get(session);
    const range = ranges?.[below(ranges, n)];
    return range !== undefined && n <= range.last;
  }

  add({ session, n }: EmitId): void {
    const ranges = this.#sessions.get(session) ?? [];
    this.#sessions.delete(session);
    this.#sessions.set(session, ranges);
    if (this.#sessions.size > maxSessions) this.#sessions.delete(this.#sessions.keys().next().value!);
    insert(ranges, n);
    if (ranges.length > maxRanges) ranges.shift();
  }
}

/** Index of the last range that begins at or below `n`, or -1. */
function below(ranges: readonly Range[], n: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.first <= n) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function insert(ranges: Range[], n: number): void {
  const at = below(ranges, n);
  const left = ranges[at];
  const right = ranges[at + 1];
  if (left && n <= left.last) return;
  const joinsLeft = left?.last === n - 1;
  const joinsRight = right?.first === n + 1;
  if (joinsLeft && joinsRight) {
    left.last = right.last;
    ranges.splice(at + 1, 1);
  } else if (joinsLeft) left.last = n;
  else if (joinsRight) right.first = n;
  else ranges.splice(at + 1, 0, { first: n, last: n });
}
