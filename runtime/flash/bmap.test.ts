import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { parseBlockMap } from "./bmap.ts";

const sum = "ab".repeat(32);
const ranges = `<Range chksum="${sum}"> 0-1 </Range>\n        <Range chksum="${sum}"> 4 </Range>`;

/** As bmaptool 3.8 writes it, with a right checksum of its own whatever it says. */
function bmap({ size = 18_000, blocks = 5, mapped = 3, version = "2.0", list = ranges } = {}): string {
  const text = `<?xml version="1.0" ?>
<!-- This file contains the block map for an image file: <MappedBlocksCount> blocks instead of <BlocksCount>. -->

<bmap version="${version}">
    <ImageSize> ${size} </ImageSize>
    <BlockSize> 4096 </BlockSize>
    <BlocksCount> ${blocks} </BlocksCount>
    <MappedBlocksCount> ${mapped}  </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> ${"0".repeat(64)} </BmapFileChecksum>
    <BlockMap>
        ${list}
    </BlockMap>
</bmap>
`;
  const own = createHash("sha256").update(text).digest("hex");
  return text.replace("0".repeat(64), own);
}

test("a block map says which bytes of the image hold something; the last block ends with the image", () => {
  assert.deepEqual(parseBlockMap(bmap(), "x.bmap"), {
    imageBytes: 18_000,
    mappedBytes: 2 * 4096 + (18_000 - 4 * 4096),
    ranges: [
      { start: 0, end: 8192, sha256: sum },
      { start: 16_384, end: 18_000, sha256: sum },
    ],
  });
});

test("what is not exactly a whole block map is refused", () => {
  const range = (text: string) => `<Range chksum="${sum}"> ${text} </Range>`;
  const wrong: [why: string, text: string][] = [
    ["cut short", bmap().slice(0, -20)],
    ["changed", bmap().replace(" 0-1 ", " 0-2 ").replace("> 3 ", "> 4 ")],
    ["an older format", bmap({ version: "1.4" })],
    ["a count that is not that of the ranges", bmap({ mapped: 4 })],
    ["more blocks than the image has", bmap({ blocks: 6 })],
    ["a range behind the image", bmap({ list: range("3-5") })],
    ["a range that goes backwards", bmap({ list: range("3-1"), mapped: 3 })],
    ["ranges that overlap", bmap({ list: range("0-1") + range("1") })],
    ["something else among the ranges", bmap({ list: `${ranges}<Rage> 3 </Rage>` })],
    ["a checksum that is none", bmap({ list: ranges.replace("abab", "xyab") })],
    ["no XML", "0-1\n4\n"],
    ["nothing", ""],
  ];
  for (const [why, text] of wrong) {
    assert.throws(
      () => parseBlockMap(text, "x.bmap"),
      (error) => isUmecError(error, "FLASH_BMAP"),
      why,
    );
  }
});
