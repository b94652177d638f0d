import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUmecError, UmecError } from "../errors.ts";
import { decodeCbor, encodeCbor } from "../senml/cbor.ts";
import { decodePack } from "../senml/pack.ts";
import type { SenmlRecord } from "../senml/record.ts";
import { rowsOf } from "./ingest-rows.ts";
import type { NewRow } from "./types.ts";

const context = { plugin: "p1", lane: "telemetry", monotonicMs: 5000, maxSamples: 10_000 } as const;
const json = (pack: unknown): Uint8Array => Buffer.from(JSON.stringify(pack));

function recordsOf(row: NewRow): SenmlRecord[] {
  const head = Buffer.of(0x9a, 0, 0, row.samples >> 8, row.samples & 255);
  return decodeCbor(Buffer.concat([head, row.records]));
}

const refused = (code: string, reason: RegExp) => (error: unknown) =>
  isUmecError(error, code) && reason.test(error.message);

test("base fields are folded in and times stay relative to the moment the pack came", () => {
  const [row, ...more] = rowsOf(
    json([
      { bn: "meter/", bu: "V", n: "a", v: 1, t: -2.5 },
      { n: "b", v: 2 },
    ]),
    context,
  );
  assert.deepEqual(more, []);
  assert.deepEqual(row!.time, { monotonicMs: 5000 });
  assert.equal(row!.samples, 2);
  assert.deepEqual(recordsOf(row!), [
    { n: "meter/a", u: "V", v: 1, t: -2.5 },
    { n: "meter/b", u: "V", v: 2 },
  ]);
});

test("Unix times become the row's time and differences to it, in microseconds", () => {
  const [row] = rowsOf(
    json([
      { n: "a", v: 1, t: 1_700_000_000.123456 },
      { n: "a", v: 2, t: 1_700_000_001.5 },
      { n: "a", v: 3, t: 1_699_999_999.123456 },
    ]),
    context,
  );
  assert.deepEqual(row!.time, { unixMs: 1_700_000_000_123.456 });
  assert.deepEqual(
    recordsOf(row!).map(({ t }) => t),
    [undefined, 1.376544, -1],
  );
});

test("a pack that mixes both kinds of times makes two rows", () => {
  const rows = rowsOf(
    json([
      { n: "now", v: 1 },
      { n: "then", v: 2, t: 1_700_000_000 },
    ]),
    context,
  );
  assert.deepEqual(
    rows.map((row) => [row.time, recordsOf(row)]),
    [
      [{ unixMs: 1_700_000_000_000 }, [{ n: "then", v: 2 }]],
      [{ monotonicMs: 5000 }, [{ n: "now", v: 1 }]],
    ],
  );
});

for (const [what, pack, code, reason] of [
  ["no SenML", Buffer.from("hello"), "SENML_INVALID", /./],
  ["nothing", Buffer.alloc(0), "SENML_INVALID", /./],
  ["an empty pack", json([]), "SENML_INVALID", /empty/],
  ["a name of ours", json([{ n: "_gap", vs: "{}" }]), "SENML_INVALID", /name/],
  ["a hidden segment", json([{ n: "a/_gap", vs: "{}" }]), "EMIT_INVALID", /a\/_gap/],
  ["a foreign node's name", json([{ bn: "urn:dev:mac:1:", n: "a", v: 1 }]), "EMIT_INVALID", /urn:dev/],
  ["a long name", json([{ n: "x".repeat(201), v: 1 }]), "EMIT_INVALID", /201 characters/],
  ["a long text", json([{ n: "a", vs: "ä".repeat(32_769) }]), "EMIT_INVALID", /65538 bytes/],
  ["a sum beyond numbers", json([{ n: "a", bv: 1.7e308, v: 1.7e308 }]), "EMIT_INVALID", /finite/],
  ["a time beyond dates", json([{ n: "a", v: 1, t: 1e300 }]), "EMIT_INVALID", /time/],
  [
    "a quality that is none",
    json([{ n: "a", v: 1, "umec:quality": "poor" }]),
    "EMIT_INVALID",
    /"poor", good, unc/,
  ],
  ["a reason for good", json([{ n: "a", v: 1, "umec:reason": "x" }]), "EMIT_INVALID", /a: a reason is for/],
  [
    "a long reason",
    json([{ n: "a", v: 1, "umec:quality": "bad", "umec:reason": "x".repeat(201) }]),
    "EMIT_INVALID",
    /201 characters/,
  ],
  ["too many samples", json(Array(10_001).fill({ n: "a", v: 1 })), "EMIT_INVALID", /10001 samples/],
  ["too many bytes", Buffer.alloc(600_000, 0x81), "EMIT_INVALID", /600000 bytes/],
  [
    "what grows too large",
    json([{ bn: "x".repeat(150), n: "y", v: 1 }, ...Array(6000).fill({ n: "y", v: 1 })]),
    "EMIT_INVALID",
    /a pack of 9\d{5} bytes/,
  ],
] as const) {
  test(`refused: ${what}`, () => {
    assert.throws(() => rowsOf(pack, context), refused(code, reason));
  });
}

test("no bytes make it fail otherwise than by refusing", () => {
  const either = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.json().map((text) => Buffer.from(`[${text}]`)),
  );
  fc.assert(
    fc.property(either, (bytes) => {
      try {
        rowsOf(bytes, context);
      } catch (error) {
        assert.ok(error instanceof UmecError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

const path = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,8}(\/[A-Za-z0-9][A-Za-z0-9_-]{0,8}){0,2}$/);
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((v) => v + 0);
const record = fc
  .record({
    n: path,
    t: fc.option(fc.integer({ min: -1000, max: 1000 }).filter((t) => t !== 0)),
    doubt: fc.option(
      fc.record(
        { "umec:quality": fc.constantFrom("uncertain", "bad"), "umec:reason": fc.string({ maxLength: 200 }) },
        { requiredKeys: ["umec:quality"] },
      ),
    ),
    value: fc.oneof(
      fc.record({ v: number }),
      fc.record({ vs: fc.string() }),
      fc.record({ vb: fc.boolean() }),
      fc.record({ vd: fc.uint8Array({ maxLength: 9 }) }),
    ),
  })
  .map(({ n, t, value, doubt }): SenmlRecord => ({ n, ...value, ...(t !== null && { t }), ...doubt }));

test("what is stored is read back as it was sent, and a base name and time still fit into its first record", () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 300 }), (records) => {
      const sent = encodeCbor(records);
      const [row] = rowsOf(sent, context);
      assert.deepEqual(recordsOf(row!), decodePack(sent));
      const head = row!.records[0]!;
      assert.ok(head > 0xa0 && head <= 0xa0 + 21);
    }),
  );
});
