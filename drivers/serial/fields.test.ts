import assert from "node:assert/strict";
import { test } from "node:test";
import { splitColumns } from "./columns.ts";
import { createFieldsReader, type FieldsFrame, type FieldsOptions } from "./fields.ts";
import type { FieldOptions } from "./options.ts";

function read(bytes: string | Buffer, field: FieldOptions, more: Partial<FieldsOptions> = {}): unknown {
  const frame = { bytes: Buffer.from(bytes as string), atMs: 0 };
  const { readings, failed }: FieldsFrame = createFieldsReader({ fields: { value: field }, ...more })(frame);
  return failed[0]?.reason ?? readings[0]?.value;
}

test("a column is a number, scaled without noise, a text or a truth", () => {
  const line = 't1, 2301,+ 12.50,on,"a, ""b"""\r';
  assert.equal(read(line, { column: 1, scale: 0.1 }), 230.1);
  assert.equal(read(line, { column: 2, offset: -2.5 }), 10);
  assert.equal(read(line, { column: 3, as: "boolean" }), true);
  assert.equal(read(line, { column: 4, as: "text" }), 'a, "b"');
  assert.equal(read("1;2", { column: 1 }, { separator: ";" }), 2);
  assert.equal(read(line, { column: 0 }), '"t1" is no number');
  assert.equal(read(line, { column: 9 }), "the line has 5 columns, none of the number 9");
  assert.equal(read("1e400", { column: 0 }), '"1e400" is too large');
});

test("columns: empty ones count, a quote that is not closed ends with the line", () => {
  assert.deepEqual(splitColumns(",a,", ","), ["", "a", ""]);
  assert.deepEqual(splitColumns("", ","), [""]);
  assert.deepEqual(splitColumns('"a,b', ","), ["a,b"]);
  assert.deepEqual(splitColumns('"a"x,b', ","), ["a", "b"]);
});

test("a pointer leads into JSON", () => {
  const json = '{"data":[{"t":"21.5","n":null}]}';
  assert.equal(read(json, { pointer: "/data/0/t" }), 21.5);
  assert.equal(read(json, { pointer: "/data/1/t" }), "/data/1/t leads nowhere");
  assert.equal(read(json, { pointer: "/data/0/n" }), "null is no number");
  assert.equal(read(json, { pointer: "/data", as: "text" }), '[{"t":"21.5","n":null}] is no text');
  assert.match(String(read("{", { pointer: "/a" })), /^no JSON: /);
});

test("bytes are numbers of each type, or text", () => {
  const bytes = Buffer.from("fffe800102030441c8000041424300", "hex");
  const expected: [FieldOptions, unknown][] = [
    [{ at: 0, type: "u8" }, 255],
    [{ at: 0, type: "i8" }, -1],
    [{ at: 0, type: "u16be" }, 0xfffe],
    [{ at: 0, type: "i16be" }, -2],
    [{ at: 1, type: "u16le" }, 0x80fe],
    [{ at: 1, type: "i16le" }, -32_514],
    [{ at: 3, type: "u24be" }, 0x010203],
    [{ at: 0, type: "i24be" }, -384],
    [{ at: 3, type: "u24le" }, 0x030201],
    [{ at: 0, type: "u32be" }, 0xfffe8001],
    [{ at: 3, type: "u32le" }, 0x04030201],
    [{ at: 7, type: "f32be" }, 25],
    [{ at: 1, type: "u8", mask: 0xf0 }, 15],
    [{ at: 0, type: "i16be", mask: 0xffff }, 0xfffe],
    [{ at: 1, type: "u8", mask: 1, as: "boolean" }, false],
    [{ at: 11, bytes: 4, as: "text" }, "ABC"],
    [{ at: 13, type: "u32be" }, "the frame has 15 bytes, u32be at 13 needs 17"],
    [{ at: 13, bytes: 4, as: "text" }, "the frame has 15 bytes, 17 are needed"],
  ];
  for (const [field, value] of expected) assert.equal(read(bytes, field), value, JSON.stringify(field));
  assert.equal(read(Buffer.from("7fc00000", "hex"), { at: 0, type: "f32be" }), "f32be at 0 is NaN");
});

test("a group is of the pattern; a frame that does not fit, or a group that is not in it, says so", () => {
  const pattern = "^T=(?<t>[\\d.]+)(;H=(?<h>\\d+))?";
  assert.equal(read("T=21.5", { group: "t" }, { pattern }), 21.5);
  assert.equal(read("T=21.5", { group: "h" }, { pattern }), "the group h is not in the frame");
  assert.throws(() => read("hello", { group: "t" }, { pattern }), { code: "SERIAL_FRAME" });
});
