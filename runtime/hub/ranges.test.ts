import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RangeSet } from "./ranges.ts";

test("numbers in order take one range", () => {
  const set = new RangeSet();
  for (let from = 1; from <= 1000; from += 10) assert.equal(set.add(from, from + 9), 0);
  assert.deepEqual([...set], [{ from: 1, to: 1000 }]);
  assert.equal(set.add(991, 1010), 10);
  assert.equal(set.size, 1010);
});

const range = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 12 }));

test("it agrees with a plain set of numbers", () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), range, (added, [from, length]) => {
      const set = new RangeSet();
      const plain = new Set<number>();
      for (const [start, more] of added) {
        const numbers = Array.from({ length: more + 1 }, (_, index) => start + index);
        assert.equal(set.add(start, start + more), numbers.filter((number) => plain.has(number)).length);
        for (const number of numbers) plain.add(number);
      }
      const asked = Array.from({ length: length + 1 }, (_, index) => from + index);
      assert.equal(set.size, plain.size);
      assert.equal(set.count(from, from + length), asked.filter((number) => plain.has(number)).length);
      const holes = [...set.holes(from, from + length)].flatMap((hole) =>
        Array.from({ length: hole.to - hole.from + 1 }, (_, index) => hole.from + index),
      );
      assert.deepEqual(
        holes,
        asked.filter((number) => !plain.has(number)),
      );
    }),
  );
});
