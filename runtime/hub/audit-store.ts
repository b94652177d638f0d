/**
 * The audit of one outbox's rows of one plugin and lane. See audit.ts for what is checked.
 *
 * Rows are accounted for when a frame carries them or a gap covers them; what is neither, between the first
 * row of a generation and the last one accounted for in it, is a hole.
 *
 * A gap record is a row itself, with a number of its own that lies behind the range that it tells of. That
 * range may hold rows that were stored before the others were lost; they count as stored. A gap of reason
 * `damaged` knows the range for certain but not how many rows had stood in it.
 */
import { generationSize } from "../frame.ts";
import type { HubFrame } from "./frames.ts";
import type { StoredGap } from "./gap.ts";
import { type Range, RangeSet } from "./ranges.ts";

export class StoreAudit {
  rowsTwice = 0;
  rowsOutOfOrder = 0;
  readonly #carried = new RangeSet();
  readonly #accounted = new RangeSet();
  readonly #inGaps = new RangeSet();
  readonly #gaps = new Map<string, StoredGap>();
  readonly #live = new RangeSet();
  readonly #notLive = new RangeSet();
  readonly #last = { live: 0, backlog: 0 };
  #sinceFaults = 0;

  /** Returns why the frame can't be: then its rows are not counted. */
  add(frame: HubFrame, gaps: readonly StoredGap[]): string | undefined {
    const { first, last, since } = frame.header;
    if (generationOf(first) !== generationOf(last)) return `its rows ${first}-${last} are of two generations`;
    const chain = frame.chain.backlog ? "backlog" : "live";
    if (first <= this.#last[chain]) this.rowsOutOfOrder += Math.min(last, this.#last[chain]) - first + 1;
    this.#last[chain] = Math.max(this.#last[chain], last);
    this.rowsTwice += this.#carried.add(first, last);
    this.#accounted.add(first, last);
    for (const gap of gaps) {
      this.#gaps.set(JSON.stringify(gap), gap);
      this.#inGaps.add(gap.from, gap.to);
      this.#accounted.add(gap.from, gap.to);
    }
    if (frame.chain.backlog) {
      if (since !== 0) this.#sinceFaults++;
    } else {
      this.#live.add(first, last);
      if (since < 1 || since > first) this.#sinceFaults++;
      this.#lookBack(since, first);
    }
    return undefined;
  }

  /** Packs that frames carry, each counted once. */
  get rows(): number {
    return this.#carried.size - this.#gaps.size;
  }

  /** Rows that gap records say are lost, without those that came all the same. */
  get rowsInGaps(): number {
    let rows = 0;
    for (const gap of this.#gaps.values()) rows += Math.min(gap.rows, this.#lacking(gap));
    return rows;
  }

  get samplesInGaps(): number {
    let samples = 0;
    for (const gap of this.#gaps.values()) samples += gap.samples;
    return samples;
  }

  /** Whether a gap is of unknown size. */
  get damaged(): boolean {
    return [...this.#gaps.values()].some((gap) => gap.reason === "damaged");
  }

  /** How many rows more than told may have stood in damaged ranges. */
  get rowsPossiblyDamaged(): number {
    let rows = 0;
    for (const gap of this.#gaps.values()) {
      if (gap.reason === "damaged") rows += Math.max(0, this.#lacking(gap) - gap.rows);
    }
    return rows;
  }

  /** Rows that had to be on the live chain by a frame's `since` and were not, nor lost; and impossible ones. */
  get sinceFaults(): number {
    let faults = this.#sinceFaults;
    for (const { from, to } of this.#notLive) faults += to - from + 1 - this.#inGaps.count(from, to);
    return faults;
  }

  *holes(): Generator<Range> {
    const lastOf = new Map<number, number>();
    for (const { from, to } of this.#accounted) {
      for (let generation = generationOf(from); generation <= generationOf(to); generation++) {
        lastOf.set(generation, Math.min(to, firstRow(generation + 1) - 1));
      }
    }
    for (const [generation, last] of lastOf) yield* this.#accounted.holes(firstRow(generation), last);
  }

  #lacking({ from, to }: StoredGap): number {
    return to - from + 1 - this.#carried.count(from, to);
  }

  #lookBack(since: number, first: number): void {
    const from = Math.max(since, firstRow(generationOf(first)));
    // A gap record that accounts for them may still be on its way: that is judged in the end.
    for (const hole of this.#live.holes(from, first - 1)) this.#notLive.add(hole.from, hole.to);
  }
}

/** Numbers are `generation * 2^40 + n`, with n from 1 on. */
function generationOf(row: number): number {
  return Math.floor((row - 1) / generationSize);
}

function firstRow(generation: number): number {
  return generation * generationSize + 1;
}
