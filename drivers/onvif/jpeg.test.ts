import assert from "node:assert/strict";
import { test } from "node:test";
import { wholeJpeg } from "./jpeg.ts";

const whole = Buffer.from("ffd8ffe0000102030405ffd9", "hex");

test("a whole picture stays as it is, padding is cut off", () => {
  assert.deepEqual(Buffer.from(wholeJpeg(whole)), whole);
  const padded = Buffer.concat([whole, Buffer.from("\r\n\0\0")]);
  assert.deepEqual(Buffer.from(wholeJpeg(padded)), whole);
});

test("what is cut off, empty or something else is refused", () => {
  for (const [body, reason] of [
    [whole.subarray(0, -1), /cut off/],
    [whole.subarray(0, -2), /cut off/],
    [Buffer.alloc(0), /has 0 bytes/],
    [Buffer.from("<html></html>"), /starts with 3c68746d/],
    [Buffer.concat([whole, Buffer.alloc(2000)]), /cut off/],
  ] as const) {
    assert.throws(() => wholeJpeg(body), { code: "ONVIF_JPEG", message: reason });
  }
});
