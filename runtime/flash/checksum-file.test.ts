import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChecksums } from "./checksum-file.ts";

const [one, two] = ["1a".repeat(32), "2b".repeat(32)];

test("lines of sha256sum are found by the file's name, text or binary, in whatever folder", () => {
  const sums = parseChecksums(`${one}  umec.img\n${two.toUpperCase()} *dist/umec.img.zst\r\n`, "umec.img");
  assert.equal(sums?.of("umec.img"), one);
  assert.equal(sums?.of("umec.img.zst"), two);
  assert.equal(sums?.of("other.img"), undefined);
});

test("digits alone are those of the file that they lie beside; what has none is no file of checksums", () => {
  assert.equal(parseChecksums(`${one}\n`, "umec.img")?.of("umec.img"), one);
  for (const text of ["", "umec.img\n", `${one.slice(1)}  umec.img\n`, `${one}0  umec.img\n`])
    assert.equal(parseChecksums(text, "umec.img"), undefined, text);
});
