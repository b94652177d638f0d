import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { flash } from "./flash.ts";
import type { Image } from "./image.ts";
import type { MappedRange } from "./ranges.ts";
import { MemoryMedium, type MemoryMediumOptions } from "./test-medium.ts";

const MiB = 2 ** 20;
const headBytes = 32_768;
const { signal } = new AbortController();

/** Of 9 MiB, with a few blocks that hold something. */
function imageContent(): Buffer {
  const content = Buffer.alloc(9 * MiB);
  for (const [start, end] of mapped)
    content.fill(createHash("sha256").update(`${start}`).digest(), start, end);
  return content;
}

const mapped: [start: number, end: number][] = [
  [0, 3 * 4096],
  [headBytes - 4096, headBytes + 4096],
  // Across two pieces, and the last block.
  [4 * MiB - 8192, 4 * MiB + 4096],
  [9 * MiB - 4096, 9 * MiB],
];

interface Options {
  content?: Buffer;
  bmap?: boolean;
  /** How much of the content is given at a time. */
  chunkBytes?: number;
}

function imageOf({ content = imageContent(), bmap = true, chunkBytes = 700_001 }: Options = {}): Image {
  const right = imageContent();
  const ranges: MappedRange[] = mapped.map(([start, end]) => ({
    ...{ start, end },
    sha256: createHash("sha256").update(right.subarray(start, end)).digest("hex"),
  }));
  return {
    path: "x.img",
    bytes: right.length,
    ...(bmap && { blockMap: { imageBytes: right.length, ranges, mappedBytes: 0 } }),
    async *content() {
      for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
    },
  };
}

function write(medium: MemoryMedium, image: Image, fresh = false) {
  return flash({ image, medium, fresh, signal });
}

const card = (more: Partial<MemoryMediumOptions> = {}) => new MemoryMedium({ bytes: 12 * MiB, ...more });

test("what a block map names is written, and nothing between", async () => {
  const medium = card();
  await write(medium, imageOf());
  const image = imageContent();
  for (const [start, end] of mapped)
    assert.ok(medium.content.subarray(start, end).equals(image.subarray(start, end)), `${start}`);
  const [from, to] = [headBytes + 4096, 4 * MiB - 8192];
  assert.ok(medium.content.subarray(from, to).every((byte) => byte === 0xa5));
});

test("without a block map all of it is written, on a fresh file all but blocks of zeros", async () => {
  const medium = card();
  const all = await write(medium, imageOf({ bmap: false }));
  assert.equal(all.writtenBytes, 9 * MiB);
  assert.ok(medium.content.subarray(0, 9 * MiB).equals(imageContent()));
  const file = card({ fill: 0 });
  const some = await write(file, imageOf({ bmap: false }), true);
  assert.equal(some.writtenBytes, headBytes + 4096 + 3 * 4096 + 4096);
  assert.ok(file.content.subarray(0, 9 * MiB).equals(imageContent()));
});

test("the old tables go first, the new one comes last, each on the card before what follows", async () => {
  const medium = card();
  await write(medium, imageOf());
  const { log } = medium;
  assert.deepEqual(log.slice(0, 3), [0, 12 * MiB - 33 * 512, "sync"]);
  assert.deepEqual(log.slice(-3), ["sync", 0, "sync"]);
  const body = log.slice(3, -3);
  assert.ok(
    body.every((at) => typeof at === "number" && at >= headBytes),
    JSON.stringify(log),
  );
});

async function fails(medium: MemoryMedium, image: Image, code: string): Promise<void> {
  await assert.rejects(write(medium, image), (error) => isUmecError(error, code));
  assert.ok(
    medium.content.subarray(0, headBytes).every((byte) => byte === 0),
    "there is a table",
  );
}

test("a card with less room than it says gets no table", async () => {
  await fails(card({ realBytes: 5 * MiB, fill: 0 }), imageOf(), "FLASH_VERIFY");
});

test("a card that fails on the way gets no table", async () => {
  const medium = card({ failAt: 9 * MiB - 1 });
  await assert.rejects(write(medium, imageOf()), (error) => isUmecError(error, "FLASH_WRITE"));
  const failing = new MemoryMedium({ bytes: 9 * MiB, failAt: Number.POSITIVE_INFINITY });
  const short = imageContent().subarray(0, 5 * MiB);
  await fails(failing, imageOf({ content: short }), "FLASH_IMAGE_DAMAGED");
});

test("an image that differs from its block map, or is too long, gets no table", async () => {
  const changed = imageContent();
  changed[4 * MiB]! ^= 1;
  await fails(card(), imageOf({ content: changed }), "FLASH_IMAGE_DAMAGED");
  const longer = Buffer.concat([imageContent(), Buffer.alloc(4096)]);
  await fails(card(), imageOf({ content: longer }), "FLASH_IMAGE_DAMAGED");
});

test("an image that is larger than the card leaves it as it was", async () => {
  const medium = new MemoryMedium({ bytes: 8 * MiB });
  await assert.rejects(write(medium, imageOf()), (error) => isUmecError(error, "FLASH_TOO_SMALL"));
  assert.deepEqual(medium.log, []);
});

test("an image whose size only its end tells stops at the card's end, without a table", async () => {
  const { bytes: _, ...image } = imageOf({ bmap: false });
  await fails(new MemoryMedium({ bytes: 8 * MiB }), image, "FLASH_TOO_SMALL");
});
