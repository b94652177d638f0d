/**
 * How long samples take from the emit to the hub, before, during and after the outages.
 *
 * A latency is the time from a sample's own time (the node's clock, at the emit) to the moment when a reader at
 * the hub has it; all on one machine and one clock, to the millisecond. A sample belongs to
 *
 * - `during` when it was on its way at any moment of an outage, though the outage only began after it was taken;
 * - else to `before` the first outage or `after` one.
 *
 * An outage lasts from the cut of the link to the moment at which the node says that frames flow again
 * (`link.sinceMs` of its status), so it includes the time that the node needs to find its way back. The node is
 * only asked now and then: what comes after a cut is kept until that moment is known.
 */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

export type Phase = "before" | "during" | "after";

/** In milliseconds; `null` without samples. */
export interface Latency {
  p50: number | null;
  p99: number | null;
  samples: number;
}

/** For the latency that is shown while it runs. */
const recentSamples = 256;

export class Watch {
  readonly #phases: Record<Phase, RecordableHistogram> = {
    before: createHistogram(),
    during: createHistogram(),
    after: createHistogram(),
  };
  readonly #recent: number[] = [];
  #unsettled: { takenMs: number; arrivedMs: number }[] = [];
  #cutMs: number | undefined;
  #returnedMs: number | undefined;
  #outageMs = 0;
  #outages = 0;
  /** Samples that arrived. */
  samples = 0;

  /** The link is cut and the node has not said yet that it is back. */
  get inOutage(): boolean {
    return this.#cutMs !== undefined;
  }

  get outages(): number {
    return this.#outages;
  }

  /** Length of all outages that are over. */
  get outageMs(): number {
    return this.#outageMs;
  }

  /** Takes a sample; both are Unix times in milliseconds. */
  arrived(takenMs: number, arrivedMs: number): void {
    this.#recent[this.samples % recentSamples] = arrivedMs - takenMs;
    this.samples++;
    if (this.inOutage) this.#unsettled.push({ takenMs, arrivedMs });
    else this.#record(takenMs, arrivedMs);
  }

  cut(atMs: number): void {
    this.#cutMs = atMs;
    this.#outages++;
  }

  /** The node is back on the hub since `atMs`; or, when it did not come back, the end of the watch. */
  returned(atMs: number): void {
    if (this.#cutMs === undefined) return;
    this.#outageMs += atMs - this.#cutMs;
    this.#returnedMs = atMs;
    this.#cutMs = undefined;
    for (const { takenMs, arrivedMs } of this.#unsettled) this.#record(takenMs, arrivedMs);
    this.#unsettled = [];
  }

  /** The median of the latest samples. */
  recentMs(): number | undefined {
    const sorted = this.#recent.toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }

  latencies(): Record<Phase, Latency> {
    return {
      before: latencyOf(this.#phases.before),
      during: latencyOf(this.#phases.during),
      after: latencyOf(this.#phases.after),
    };
  }

  #record(takenMs: number, arrivedMs: number): void {
    const { before, during, after } = this.#phases;
    const returnedMs = this.#returnedMs;
    const histogram = returnedMs === undefined ? before : takenMs < returnedMs ? during : after;
    // Whole microseconds from 1 on is what a histogram takes.
    histogram.record(Math.max(1, Math.round((arrivedMs - takenMs) * 1000)));
  }
}

function latencyOf(histogram: RecordableHistogram): Latency {
  const { count: samples } = histogram;
  if (samples === 0) return { p50: null, p99: null, samples };
  const ms = (percentile: number) => Math.round(histogram.percentile(percentile) / 100) / 10;
  return { p50: ms(50), p99: ms(99), samples };
}
