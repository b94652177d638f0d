export interface Range {
  from: number;
  to: number;
}

/**
 * A set of whole numbers, kept as sorted ranges that neither overlap nor touch. Memory and the time of a
 * look-up grow with the number of ranges, not of numbers; numbers added in order take one range.
 */
export class RangeSet {
  readonly #ranges: Range[] = [];
  #size = 0;

  /** How many numbers are in it. */
  get size(): number {
    return this.#size;
  }

  /** Adds `from` to `to`, both inclusive. Returns how many of them were in it already. */
  add(from: number, to: number): number {
    const known = this.count(from, to);
    // With the neighbours that merely touch.
    const begin = this.#firstEndingAt(from - 1);
    let end = begin;
    let merged: Range = { from, to };
    for (let range = this.#ranges[end]; range && range.from <= to + 1; range = this.#ranges[++end]) {
      merged = { from: Math.min(merged.from, range.from), to: Math.max(merged.to, range.to) };
    }
    this.#ranges.splice(begin, end - begin, merged);
    this.#size += to - from + 1 - known;
    return known;
  }

  /** How many of `from` to `to` are in it. */
  count(from: number, to: number): number {
    let count = 0;
    for (let index = this.#firstEndingAt(from); index < this.#ranges.length; index++) {
      const range = this.#ranges[index]!;
      if (range.from > to) break;
      count += Math.min(range.to, to) - Math.max(range.from, from) + 1;
    }
    return count;
  }

  /** The ranges between `from` and `to` that are not in it. */
  *holes(from: number, to: number): Generator<Range> {
    let next = from;
    for (let index = this.#firstEndingAt(from); index < this.#ranges.length; index++) {
      const range = this.#ranges[index]!;
      if (range.from > to) break;
      if (range.from > next) yield { from: next, to: range.from - 1 };
      next = range.to + 1;
    }
    if (next <= to) yield { from: next, to };
  }

  [Symbol.iterator](): IterableIterator<Readonly<Range>> {
    return this.#ranges.values();
  }

  /** Index of the first range whose end is `number` or later. */
  #firstEndingAt(number: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.to < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
