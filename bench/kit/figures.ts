import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Median, least and most of some rounds. */
export interface Figures {
  median: number;
  min: number;
  max: number;
}

export function figures(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

export function median(values: readonly number[]): number {
  return figures(values).median;
}

/** `1,234 (1,200–1,300)`. */
export function spread(values: readonly number[], digits = 0): string {
  const { median, min, max } = figures(values);
  const show = (n: number): string =>
    n.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return values.length > 1 ? `${show(median)} (${show(min)}–${show(max)})` : show(median);
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

/** Bytes in millions. */
export function mb(bytes: number): number {
  return round(bytes / 1e6, 2);
}

/** Durations, kept as counts: millions of them cost no memory. */
export class Latency {
  readonly #histogram: RecordableHistogram = createHistogram();

  record(ms: number): void {
    this.#histogram.record(Math.max(1, Math.round(ms * 1000)));
  }

  get count(): number {
    return this.#histogram.count;
  }

  /** Milliseconds below which `percent` of them are; NaN when there are none. */
  percentile(percent: number): number {
    return this.count > 0 ? this.#histogram.percentile(percent) / 1000 : Number.NaN;
  }
}
