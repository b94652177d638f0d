import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseEmitId, SeenEmits } from "./ingest-seen.ts";

test("what was added is known, in whatever order it came", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 60 })), (numbers) => {
      const seen = new SeenEmits();
      const model = new Set<number>();
      for (const n of numbers) {
        seen.add({ session: "a", n });
        model.add(n);
        for (let at = 0; at <= 62; at++) assert.equal(seen.has({ session: "a", n: at }), model.has(at));
      }
    }),
  );
});

test("sessions do not know each other, and the one unused for longest is forgotten first", () => {
  const seen = new SeenEmits();
  for (let s = 0; s < 8; s++) seen.add({ session: `s${s}`, n: 1 });
  assert.equal(seen.has({ session: "s0", n: 2 }), false);
  seen.add({ session: "s0", n: 2 });
  seen.add({ session: "s8", n: 1 });
  assert.equal(seen.has({ session: "s0", n: 1 }), true);
  assert.equal(seen.has({ session: "s1", n: 1 }), false);
});

test("with too many holes the lowest numbers are forgotten", () => {
  const seen = new SeenEmits();
  for (let n = 0; n <= 2 * 4096; n += 2) seen.add({ session: "a", n });
  assert.equal(seen.has({ session: "a", n: 0 }), false);
  assert.equal(seen.has({ session: "a", n: 2 }), true);
});

test("what is known goes to another process, as JSON", () => {
  const seen = new SeenEmits();
  for (const n of [1, 2, 3, 7, 9, 8]) seen.add({ session: "a", n });
  seen.add({ session: "b", n: 5 });
  const again = new SeenEmits(JSON.parse(JSON.stringify(seen.record())));
  const known = (of: SeenEmits) =>
    ["a", "b", "c"].map((session) => Array.from({ length: 12 }, (_, n) => of.has({ session, n })));
  assert.deepEqual(known(again), known(seen));
  // It goes on as the first would.
  for (const one of [seen, again]) one.add({ session: "a", n: 4 });
  assert.deepEqual(again.record(), seen.record());
});

test("an id is a session and a number", () => {
  assert.deepEqual(parseEmitId("a1B-42"), { session: "a1B", n: 42 });
  for (const text of ["", "a", "a-", "-1", "a--1", "a-1 ", "a-1234567890123456", `${"x".repeat(33)}-1`])
    assert.equal(parseEmitId(text), undefined, text);
});
