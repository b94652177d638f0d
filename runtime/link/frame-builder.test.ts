import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatFrameHeader, generationSize, parseFrameHeader } from "../frame.ts";
import type { Row } from "../outbox/types.ts";
import { decodeCbor, encodeRecord } from "../senml/cbor.ts";
import type { SenmlRecord } from "../senml/record.ts";
import { buildFrame, takeRun } from "./frame-builder.ts";

const never = (): boolean => false;

function row(
  number: number,
  records: readonly SenmlRecord[],
  timeMs: number | undefined = 1_800_000_000_000,
): Row {
  const bytes = Buffer.concat(records.map((record) => encodeRecord(record)));
  return {
    id: number,
    chain: 1,
    row: number,
    samples: records.length,
    timeMs,
    timeEstimated: false,
    gap: false,
    records: bytes,
  };
}

const record = fc.record(
  {
    n: fc.stringMatching(/^[a-z0-9]{1,8}(\/[a-z0-9]{1,8})?$/),
    v: fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).map((v) => v || 0),
    u: fc.constantFrom("V", "Cel"),
    t: fc.double({ noNaN: true, min: 0.001, max: 1000 }),
    "umec:quality": fc.constantFrom("uncertain", "bad"),
    "umec:reason": fc.string({ maxLength: 200 }),
  },
  { requiredKeys: ["n", "v"] },
);
const rows = fc
  .array(
    fc.tuple(
      fc.array(record, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }),
    ),
    {
      minLength: 1,
      maxLength: 20,
    },
  )
  .map((packs) =>
    packs.map(([records, timeMs], i) => ({ records, timeMs, row: row(i + 1, records, timeMs) })),
  );

test("a frame decodes to its rows' records, names and times in full, whatever they are", () => {
  fc.assert(
    fc.property(rows, fc.stringMatching(/^[a-z]{1,30}\/[a-z]{1,30}\/$/), (packs, baseName) => {
      const { payload, header } = buildFrame(
        packs.map((pack) => pack.row),
        baseName,
        "0123456789abcdef",
        1,
      );
      const expected = packs.flatMap(({ records, timeMs }) =>
        records.map((r) => ({ ...r, n: baseName + r.n, t: timeMs / 1000 + (r.t ?? 0) })),
      );
      assert.deepEqual(decodeCbor(payload), expected);
      assert.equal(header.samples, expected.length);
    }),
  );
});

test("a run ends before a hole, a generation, a time that is not known, a row to skip, and its size", () => {
  const one: SenmlRecord[] = [{ n: "a", v: 1 }];
  const numbers = (queue: Row[], maxBytes = 1e6, skip: (row: Row) => boolean = never): number[] =>
    takeRun(queue, maxBytes, skip).map((r) => r.row);
  assert.deepEqual(numbers([row(1, one), row(2, one), row(4, one)]), [1, 2]);
  assert.deepEqual(numbers([row(generationSize - 1, one), row(generationSize, one)]), [generationSize - 1]);
  assert.deepEqual(numbers([row(1, one), { ...row(2, one), timeMs: undefined }]), [1]);
  assert.deepEqual(numbers([{ ...row(1, one), timeMs: undefined }]), []);
  assert.deepEqual(
    numbers([row(1, one), row(2, one)], 1e6, (r) => r.row === 2),
    [1],
  );
  assert.deepEqual(numbers([row(1, one), row(2, one), row(3, one)], 2 * row(1, one).records.length), [1, 2]);
  assert.deepEqual(numbers([row(1, one), row(2, one)], 1), [1], "one row goes, however large it is");
});

test("a gap record is a record of its own among the samples", () => {
  const gap = { from: 1, to: 4, rows: 4, samples: 9, reason: "quota" };
  const gapRow = { ...row(6, [{ n: "x", v: 0 }]), gap: true, records: Buffer.from(JSON.stringify(gap)) };
  const { payload } = buildFrame([row(5, [{ n: "a", v: 1 }]), gapRow], "n1/meter/", "0123456789abcdef", 5);
  const [, told] = decodeCbor(payload);
  assert.equal(told?.n, "n1/meter/_gap");
  assert.deepEqual(JSON.parse(told?.vs ?? ""), gap);
});

test("the header survives being written and read", () => {
  const header = {
    store: "0123456789abcdef",
    first: 2 * generationSize + 1,
    last: 2 * generationSize + 9,
    since: 0,
    samples: 70,
    clockEstimated: true,
  };
  assert.deepEqual(parseFrameHeader(formatFrameHeader(header)), header);
  assert.equal(parseFrameHeader("store=xyz rows=1-2 since=0 samples=1"), undefined);
});
