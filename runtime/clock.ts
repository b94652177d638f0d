/** Wall-clock and monotonic time, as one part of the runtime sees them. */
export interface Clock {
  /** Unix time in milliseconds, as good as it is known: see `known`. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start, never stepping back; of this boot only. */
  monotonicMs(): number;
  /** Whether `nowMs` can be trusted: a board without a battery starts in the past. */
  known(): boolean;
}
