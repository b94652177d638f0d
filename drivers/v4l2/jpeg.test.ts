import assert from "node:assert/strict";
import { test } from "node:test";
import jpeg from "jpeg-js";
import type { FrameFormat } from "./hardware.ts";
import { createJpeg } from "./jpeg.ts";
import { gridColumns } from "./luma-grid.ts";
import { isPicture, withHuffmanTables } from "./mjpeg.ts";
import { toRgba } from "./pixels.ts";
import { nv12, yuyv, yuyvFrame } from "./test-frames.ts";

/** Left half dark, right half bright. */
function halves(width: number, height: number): Buffer {
  const data = new Uint8Array(4 * width * height).map((_, at) => ((at / 4) % width < width / 2 ? 20 : 220));
  return jpeg.encode({ width, height, data }, 90).data;
}

function withoutTables(picture: Buffer): Buffer {
  const at = picture.indexOf(Buffer.from([0xff, 0xc4]));
  return Buffer.concat([picture.subarray(0, at), picture.subarray(at + 2 + picture.readUInt16BE(at + 2))]);
}

test("a picture without Huffman tables gets the typical ones, one with tables stays as it is", () => {
  const whole = halves(64, 48);
  const bare = withoutTables(whole);
  assert.throws(() => jpeg.decode(bare));
  assert.deepEqual(Buffer.from(withHuffmanTables(bare)), whole);
  assert.equal(withHuffmanTables(whole), whole);
});

test("what is no picture is left alone", () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(100), Buffer.from("ffd8ffe0ffff0000", "hex")]) {
    assert.equal(withHuffmanTables(bytes), bytes);
  }
  assert.equal(isPicture(halves(16, 16)), true);
  assert.equal(isPicture(new Uint8Array(100)), false);
});

test("colors are those of ITU-R BT.601 and BT.709, in both ranges", () => {
  // Red: Y, U, V of both standards, studio and full range.
  const reds: [Partial<FrameFormat>, [number, number, number]][] = [
    [{}, [81, 90, 240]],
    [{ bt709: true }, [63, 102, 240]],
    [{ fullRange: true }, [76, 85, 255]],
    [{ fullRange: true, bt709: true }, [54, 99, 255]],
  ];
  for (const [more, [y, u, v]] of reds) {
    const packed = toRgba(Uint8Array.of(y, u, y, v), yuyv(2, 1, more));
    const planar = toRgba(Uint8Array.of(y, y, y, y, u, v), nv12(2, 2, more));
    for (const rgba of [packed.subarray(0, 4), packed.subarray(4), planar.subarray(12)]) {
      [255, 0, 0, 255].forEach((value, at) => {
        assert.ok(Math.abs(rgba[at]! - value) <= 3, `${JSON.stringify(more)}: ${rgba}`);
      });
    }
  }
});

test("the thread encodes frames, and tells a picture's brightness", async () => {
  await using pictures = createJpeg();
  const format = yuyv(64, 48);
  const box = { x: 32, y: 0, width: 32, height: 48, luma: 200 };
  const picture = await pictures.encode(new Uint8Array(yuyvFrame(format, 40, box)), format, 90);
  const { width, height } = jpeg.decode(picture);
  assert.deepEqual([width, height], [64, 48]);
  const grid = await pictures.grid(new Uint8Array(picture));
  const first = grid.subarray(0, gridColumns);
  // 40 and 200 of 16 to 235 are 28 and 214 of 0 to 255.
  assert.ok(Math.abs(first[2]! - 28) < 6 && Math.abs(first[29]! - 214) < 6, String(first));
});

test("what is no picture is told, and the next one is read", async () => {
  await using pictures = createJpeg();
  await assert.rejects(pictures.grid(new Uint8Array(100)), { code: "V4L2_PICTURE" });
  await pictures.grid(new Uint8Array(withoutTables(halves(64, 48))));
});

test("a thread that was ended for being idle or slow is started anew", async () => {
  await using pictures = createJpeg({ idleMs: 0, timeoutMs: 20_000 });
  for (let round = 0; round < 2; round++) await pictures.grid(new Uint8Array(halves(64, 48)));
  await using hasty = createJpeg({ timeoutMs: 0 });
  const huge = yuyv(2048, 1024);
  await assert.rejects(hasty.encode(new Uint8Array(2 ** 22), huge, 85), /longer than 0 ms/);
});
