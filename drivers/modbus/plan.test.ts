import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { type Item, oneRead, planCost, planReads, type Read } from "./plan.ts";

const item = (address: number, width = 1): Item => ({ table: "holding", address, width });
const ranges = (reads: Read[]): [number, number][] => reads.map(({ address, count }) => [address, count]);

const items = fc.array(
  fc.record({
    table: fc.constant("holding" as const),
    address: fc.nat(300),
    width: fc.constantFrom(1, 1, 2, 2, 4, 8),
  }),
  { minLength: 1, maxLength: 40 },
);
const limits = fc.record({
  maxCount: fc.integer({ min: 8, max: 125 }),
  requestCost: fc.integer({ min: 1, max: 60 }),
  gaps: fc.boolean(),
});

/** Fills each request to its limit, across gaps up to `maxGap`. */
function greedy(all: readonly Item[], maxCount: number, maxGap: number): Read[] {
  const reads: Read[] = [];
  for (const next of all.toSorted((a, b) => a.address - b.address || a.width - b.width)) {
    const last = reads.at(-1);
    const joined = last && oneRead([...last.items, next]);
    const isNear = last && next.address - (last.address + last.count) <= maxGap;
    if (joined && isNear && joined.count <= maxCount) reads[reads.length - 1] = joined;
    else reads.push(oneRead([next]));
  }
  return reads;
}

test("neighbours share a request, a narrow gap is read across, a wide one is not", () => {
  const plan = planReads([item(10), item(0, 2), item(2, 2), item(200)], { maxCount: 125, requestCost: 32 });
  assert.deepEqual(ranges(plan), [
    [0, 11],
    [200, 1],
  ]);
});

test("the cut is made where it is cheapest, not where the limit is reached", () => {
  const clustered = [item(0), item(9), item(10), item(11)];
  const options = { maxCount: 11, requestCost: 5 };
  assert.deepEqual(ranges(greedy(clustered, 11, 10)), [
    [0, 11],
    [11, 1],
  ]);
  assert.deepEqual(ranges(planReads(clustered, options)), [
    [0, 1],
    [9, 3],
  ]);
});

test("without gaps only what touches is joined", () => {
  const plan = planReads([item(0, 2), item(2), item(4), item(1, 2)], {
    maxCount: 125,
    requestCost: 1e9,
    gaps: false,
  });
  assert.deepEqual(ranges(plan), [
    [0, 3],
    [4, 1],
  ]);
});

test("a value wider than a request is an error", () => {
  assert.throws(
    () => planReads([item(0, 4)], { maxCount: 2, requestCost: 1 }),
    (error) => isUmecError(error, "MODBUS_OPTIONS"),
  );
});

test("any plan keeps to the limit and has each value once and whole", () => {
  fc.assert(
    fc.property(items, limits, (all, options) => {
      const plan = planReads(all, options);
      assert.ok(plan.length <= all.length);
      for (const read of plan) {
        assert.ok(read.count <= options.maxCount);
        for (const { address, width } of read.items) {
          assert.ok(address >= read.address && address + width <= read.address + read.count);
        }
      }
      assert.deepEqual(new Set(plan.flatMap((read) => read.items)), new Set(all));
      assert.equal(plan.flatMap((read) => read.items).length, all.length);
    }),
  );
});

test("no plan costs more than a greedy one, whatever gap that one reads across", () => {
  fc.assert(
    fc.property(items, limits, fc.nat(60), (all, options, maxGap) => {
      const open = { ...options, gaps: true };
      const cost = planCost(planReads(all, open), open);
      assert.ok(cost <= planCost(greedy(all, options.maxCount, maxGap), open));
    }),
  );
});

test("a plan is the cheapest of all ways to group the values", () => {
  const few = fc.array(
    fc.record({
      table: fc.constant("holding" as const),
      address: fc.nat(24),
      width: fc.integer({ min: 1, max: 6 }),
    }),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(
      few,
      fc.integer({ min: 6, max: 16 }),
      fc.integer({ min: 1, max: 12 }),
      (all, maxCount, requestCost) => {
        const options = { maxCount, requestCost };
        let cheapest = Number.POSITIVE_INFINITY;
        for (const groups of partitions(all)) {
          const reads = groups.map((group) => oneRead(group.toSorted((a, b) => a.address - b.address)));
          if (reads.every(({ count }) => count <= maxCount))
            cheapest = Math.min(cheapest, planCost(reads, options));
        }
        assert.equal(planCost(planReads(all, options), options), cheapest);
      },
    ),
  );
});

/** All ways to put `all` into groups. */
function* partitions<T>(all: readonly T[]): Generator<T[][]> {
  const [first, ...others] = all;
  if (first === undefined) return yield [];
  for (const groups of partitions(others)) {
    yield [[first], ...groups];
    for (let i = 0; i < groups.length; i++) yield groups.with(i, [first, ...groups[i]!]);
  }
}
