import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUmecError } from "../errors.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { decodePack } from "./pack.ts";
import type { SenmlRecord } from "./record.ts";

const refused = (reason: RegExp) => (error: unknown) =>
  isUmecError(error, "SENML_INVALID") && reason.test(error.message);

/** RFC 8428 section 5.1.2, "Multiple Datapoints". */
const rfcExample = `[
  {"bn":"urn:dev:ow:10e2073a01080063:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
  {"n":"current","t":-5,"v":1.2},
  {"n":"current","t":-4,"v":1.3}
]`;

test("the standard's example resolves to full names, units and times", () => {
  assert.deepEqual(decodeJson(rfcExample), [
    { n: "urn:dev:ow:10e2073a01080063:voltage", u: "V", v: 120.1, t: 1276020076.001 },
    { n: "urn:dev:ow:10e2073a01080063:current", u: "A", v: 1.2, t: 1276020071.001 },
    { n: "urn:dev:ow:10e2073a01080063:current", u: "A", v: 1.3, t: 1276020072.001 },
  ]);
});

test("the standard's CBOR example is read (section 6, table 4 labels)", () => {
  // The first record of figure 2: bn, bt, bu, bver, n, u, v.
  const hex =
    "81a721781c75726e3a6465763a6f773a31306532303733613031303830303633" +
    "3a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666";
  assert.deepEqual(decodePack(Buffer.from(hex, "hex")), [
    { n: "urn:dev:ow:10e2073a01080063:voltage", u: "V", v: 120.1, t: 1276020076.001 },
  ]);
});

test("a decimal fraction is a number (section 6)", () => {
  // [{0: "a", 2: 4([-1, 2301])}]
  assert.deepEqual(decodeCbor(Buffer.from("81a2006161" + "02c482201908fd", "hex")), [{ n: "a", v: 230.1 }]);
});

test("base value and base sum are added", () => {
  assert.deepEqual(decodeJson('[{"bn":"x/","bv":20,"n":"a","v":1.5},{"n":"b"},{"n":"c","vs":"on"}]'), [
    { n: "x/a", v: 21.5 },
    { n: "x/b", v: 20 },
    { n: "x/c", vs: "on" },
  ]);
  assert.deepEqual(decodeJson('[{"bn":"e","bs":100,"s":5}]'), [{ n: "e", s: 105 }]);
});

for (const [what, text, reason] of [
  ["a pack that is no array", '{"n":"a","v":1}', /array of records/],
  ["two values", '[{"n":"a","v":1,"vs":"x"}]', /record 0: a has 2 values/],
  ["no value", '[{"n":"a"}]', /neither a value nor a sum/],
  ["no name", '[{"v":1}]', /name "" is empty/],
  ["a forbidden character", '[{"n":"a b","v":1}]', /characters that RFC 8428/],
  ["a newer version", '[{"bver":11,"n":"a","v":1}]', /version 11/],
  ["a field that must be understood", '[{"n":"a","v":1,"geo_":2}]', /geo_ must be understood/],
  ["a value of the wrong type", '[{"n":"a","v":"1"}]', /v is "1", a finite number is needed/],
  ["broken base64url", '[{"n":"a","vd":"a+b="}]', /base64url/],
  ["broken JSON", "[{", /not JSON/],
] as const) {
  test(`${what} is refused with its reason`, () => {
    assert.throws(() => decodeJson(text), refused(reason));
  });
}

test("quality has text labels in both encodings, and good is left out", () => {
  const pack = [{ n: "a", vs: "", "umec:quality": "bad", "umec:reason": "no answer" }];
  assert.equal(encodeJson(pack), '[{"n":"a","vs":"","umec:quality":"bad","umec:reason":"no answer"}]');
  const text = (s: string): string => (0x60 + s.length).toString(16) + Buffer.from(s).toString("hex");
  const cbor = `81a4006161${"0360"}${text("umec:reason")}${text("no answer")}${text("umec:quality")}${text("bad")}`;
  assert.equal(Buffer.from(encodeCbor(pack)).toString("hex"), cbor);
  assert.deepEqual(decodeJson('[{"n":"a","v":1,"umec:quality":"good"}]'), [{ n: "a", v: 1 }]);
  assert.throws(
    () => decodeJson('[{"n":"a","v":1,"umec:quality":3}]'),
    refused(/umec:quality is 3, a string/),
  );
});

test("infinity and broken CBOR are refused", () => {
  assert.throws(() => decodeCbor(Buffer.from("81a200616102f97c00", "hex")), refused(/finite|CBOR/));
  assert.throws(() => decodeCbor(Buffer.from("81a2006161", "hex")), refused(/not CBOR/));
  assert.throws(() => decodeCbor(Buffer.from("8101", "hex")), refused(/a record is a map/));
});

const value = fc.oneof(
  fc.record({
    v: fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x)),
  }),
  fc.record({ vs: fc.string({ unit: "grapheme" }) }),
  fc.record({ vb: fc.boolean() }),
  fc.record({ vd: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ s: fc.integer() }),
);
const record: fc.Arbitrary<SenmlRecord> = fc
  .tuple(
    fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9:./_-]{0,30}$/),
    value,
    fc.option(fc.constantFrom("V", "Cel", "%RH"), { nil: undefined }),
    fc.option(fc.double({ min: 1, max: 4e9, noNaN: true }), { nil: undefined }),
    fc.record(
      {
        "umec:quality": fc.constantFrom("uncertain", "bad"),
        "umec:reason": fc.string({ unit: "grapheme", maxLength: 200 }),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([n, v, u, t, doubt]) => ({ n, ...v, ...(u && { u }), ...(t && { t }), ...doubt }));

test("any pack survives both encodings", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (pack) => {
      assert.deepEqual(decodePack(encodeCbor(pack)), pack);
      assert.deepEqual(decodePack(Buffer.from(encodeJson(pack))), pack);
    }),
  );
});

test("any bytes are either a pack or refused with SENML_INVALID", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodePack(bytes);
      } catch (error) {
        assert.ok(isUmecError(error, "SENML_INVALID"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
