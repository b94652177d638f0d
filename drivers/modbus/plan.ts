/**
 * The planner: which requests read a set of values at the least cost.
 *
 * A request costs `requestCost` wherever it goes, and each register it reads costs 1 (a bit: 1/16), needed or
 * not. So a gap is worth reading across when it is narrower than a request is dear. Values never split: one
 * read over two requests could be half old, half new.
 *
 * The optimum is found by dynamic programming over the values in order of address: the cheapest way to read
 * the first j values is the cheapest way to read the first i, plus one request for i+1 to j, for the best i.
 * That is optimal, not just over plans whose requests take consecutive values, but over all: let two requests
 * interleave, the one that starts first holding a value that starts behind the start of the second. If the
 * second ends no later than the first, it lies within the first, and merging them saves a request. Else the
 * first one's values from the second's start on lie within the second; moving them there widens nothing. Each
 * such step costs nothing, keeps the limits, and in the end the requests are consecutive. A greedy pass, in
 * contrast, fills a request to its limit and may cut a cluster in two where a cut one gap earlier is cheaper.
 *
 * Cost: O(n × values in one request), once at the start and when a device refuses a range.
 */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import type { Table } from "./pdu.ts";

/** Something to be read: `width` registers or bits from `address` on. */
export interface Item {
  readonly table: Table;
  readonly address: number;
  readonly width: number;
}

/** One request and the values in it. */
export interface Read<I extends Item = Item> {
  readonly table: Table;
  readonly address: number;
  readonly count: number;
  readonly items: readonly I[];
}

export interface PlanLimits {
  /** Most registers or bits in one request. */
  maxCount: number;
  /** What a request costs, in registers (or whatever `unitCost` counts). */
  requestCost: number;
  /** What it costs to read one register or bit. @default 1 */
  unitCost?: number;
  /** Whether a request may read what nobody asked for. @default true */
  gaps?: boolean;
}

/**
 * The cheapest reads for `items` of one table; of equal ones, the fewest.
 * Throws `MODBUS_OPTIONS` if a value is wider than `maxCount`.
 */
export function planReads<I extends Item>(items: readonly I[], limits: PlanLimits): Read<I>[] {
  const { maxCount, requestCost, unitCost = 1, gaps = true } = limits;
  const sorted = items.toSorted((a, b) => a.address - b.address || a.width - b.width);
  const best: { cost: number; requests: number; from: number }[] = [{ cost: 0, requests: 0, from: 0 }];
  for (let from = 0; from < sorted.length; from++) {
    const { cost, requests } = best[from]!;
    const { address, width } = sorted[from]!;
    if (width > maxCount) {
      throw new UmecError("MODBUS_OPTIONS", `${width} registers do not fit a read of ${maxCount}`);
    }
    let end = address;
    for (let to = from; to < sorted.length; to++) {
      const item = sorted[to]!;
      if (!gaps && to > from && item.address > end) break;
      end = Math.max(end, item.address + item.width);
      if (end - address > maxCount) break;
      const offer = { cost: cost + requestCost + unitCost * (end - address), requests: requests + 1, from };
      const known = best[to + 1];
      if (!known || offer.cost < known.cost || (offer.cost === known.cost && offer.requests < known.requests))
        best[to + 1] = offer;
    }
  }
  const reads: Read<I>[] = [];
  for (let to = sorted.length; to > 0; to = best[to]!.from)
    reads.push(oneRead(sorted.slice(best[to]!.from, to)));
  return reads.reverse();
}

/** The one request that reads all `items` (not empty, of one table, in order of address). */
export function oneRead<I extends Item>(items: readonly I[]): Read<I> {
  const { table, address } = items[0]!;
  const end = items.reduce((highest, item) => Math.max(highest, item.address + item.width), 0);
  return { table, address, count: end - address, items };
}

/** What a plan costs: the measure that {@link planReads} minimises. */
export function planCost(
  reads: readonly { count: number }[],
  { requestCost, unitCost = 1 }: PlanLimits,
): number {
  return reads.reduce((sum, { count }) => sum + requestCost + unitCost * count, 0);
}
