import { generationSize } from "../frame.ts";
import type { RowRange } from "./types.ts";

/** A set of row numbers as ranges: small when numbers come mostly in order, as they do. */
export class RowSet {
  #ranges: RowRange[] = [];
  #sorted = true;
  count = 0;

  /** Each number is added once. */
  add(row: number): void {
    this.count++;
    const tail = this.#ranges.at(-1);
    if (tail && row === tail.last + 1) {
      tail.last = row;
      return;
    }
    if (tail && row < tail.first) this.#sorted = false;
    this.#ranges.push({ first: row, last: row });
  }

  get ranges(): readonly RowRange[] {
    if (!this.#sorted) {
      this.#ranges.sort((a, b) => a.first - b.first);
      this.#sorted = true;
    }
    return this.#ranges;
  }

  /** The highest number, or 0. */
  get last(): number {
    return this.ranges.at(-1)?.last ?? 0;
  }

  /** The first number from `from` on that is not in the set. */
  firstHole(from: number): number {
    let hole = from;
    for (const { first, last } of this.ranges) if (first <= hole && hole <= last) hole = last + 1;
    return hole;
  }

  /** How many numbers in [from, until) are not in the set; the jump to a new generation is no hole. */
  holesBetween(from: number, until: number): number {
    let holes = 0;
    let next = from;
    for (const { first, last } of [...this.ranges, { first: until, last: until }]) {
      if (first > next && generationOf(first) === generationOf(next)) holes += first - next;
      next = Math.max(next, last + 1);
    }
    return holes;
  }
}

function generationOf(row: number): number {
  return Math.floor(row / generationSize);
}
