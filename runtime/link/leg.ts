import type { ChainState, Row, RowRange } from "../outbox/types.ts";
import type { Chain } from "../subjects.ts";
import type { Frame } from "./frame-builder.ts";
import type { Last } from "./hub-port.ts";

/** One of a plugin lane's two chains, with what waits to be sent on it. */
export interface Leg {
  readonly chain: Chain;
  queue: Row[];
  queuedBytes: number;
  /** Sequence of the chain's last message at the hub; `undefined` until it was looked up. */
  expected: number | undefined;
  /** Whether somebody is sending on it just now. */
  busy: boolean;
}

/** A plugin's lane in one session. */
export interface Lanes {
  readonly state: ChainState;
  /** First row of this session's live run. */
  readonly since: number;
  readonly live: Leg;
  readonly backlog: Leg;
  /** Rows that the hub has, as far as its last messages tell. */
  stored: RowRange[];
  /** A live frame of an earlier session of which nobody knows whether it was stored: it goes first, again. */
  retry: Frame | undefined;
  /** Rows of such a frame that are erased already, should they be read again. */
  settled: RowRange | undefined;
  /**
   * Whether the live chain has moved since the session began, so that no frame of the past can still be
   * stored on it. Until then the backlog, which may hold the same rows, must wait.
   */
  fenced: boolean;
  /** Whether a fence was appended in this session. */
  fenceAsked: boolean;
  looked: Promise<void> | undefined;
}

export function createLanes(
  node: string,
  state: ChainState,
  retry: Frame | undefined,
  fenced: boolean,
): Lanes {
  const leg = (backlog: boolean): Leg => ({
    chain: { node, plugin: state.plugin, lane: state.lane, backlog },
    queue: [],
    queuedBytes: 0,
    expected: undefined,
    busy: false,
  });
  return {
    state,
    since: state.nextRow,
    live: leg(false),
    backlog: leg(true),
    stored: [...state.sent],
    retry,
    settled: undefined,
    fenced,
    fenceAsked: false,
    looked: undefined,
  };
}

export function enqueue(leg: Leg, row: Row): void {
  leg.queue.push(row);
  leg.queuedBytes += row.records.length;
}

export function dequeue(leg: Leg, count: number): void {
  for (const row of leg.queue.splice(0, count)) leg.queuedBytes -= row.records.length;
}

/** The rows that a last message says are stored: see ../frame.ts. */
export function storedRange(last: Last, store: string, backlog: boolean): RowRange | undefined {
  if (!last.header || last.header.store !== store) return undefined;
  return { first: backlog ? 0 : last.header.since, last: last.header.last };
}

export function isStored(lanes: Lanes, row: Row): boolean {
  return lanes.stored.some(({ first, last }) => first <= row.row && row.row <= last);
}
