import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { readLines } from "./lines.ts";

async function lines(pieces: (string | Buffer)[], options: { longest?: number; mostPerS?: number } = {}) {
  const stream = new PassThrough();
  const got: string[] = [];
  let leftOut = 0;
  readLines(stream, {
    onLine: (line) => got.push(line),
    onLeftOut: (count) => (leftOut += count),
    ...options,
  });
  for (const piece of pieces) stream.write(piece);
  stream.end();
  await once(stream, "close");
  return { got, leftOut };
}

test("lines come whole, however they were cut on the way, and the last one without an end too", async () => {
  const text = Buffer.from("one\r\n\nzwölf\nthree");
  const { got } = await lines([text.subarray(0, 9), text.subarray(9, 10), text.subarray(10)]);
  assert.deepEqual(got, ["one", "zwölf", "three"]);
});

test("a program that never ends its line takes no memory, and one that talks for ever fills no log", async () => {
  const long = await lines(["x".repeat(10), "y".repeat(15), "\nshort\n"], { longest: 10 });
  assert.deepEqual(long.got, ["x".repeat(10), "y".repeat(10), "yyyyy", "short"]);
  const many = await lines([`${"line\n".repeat(500)}`], { mostPerS: 100 });
  assert.deepEqual([many.got.length, many.leftOut], [100, 400]);
});
