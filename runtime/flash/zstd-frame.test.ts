import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, createZstdCompress, zstdCompressSync } from "node:zlib";
import { readZstdFrame, zstdFrameHeaderBytes } from "./zstd-frame.ts";

test("the size of what a frame holds is read in each of its forms", () => {
  for (const bytes of [0, 1, 255, 256, 65_791, 65_792, 3_000_000]) {
    const frame = zstdCompressSync(Buffer.alloc(bytes, "x"));
    assert.deepEqual(readZstdFrame(frame.subarray(0, zstdFrameHeaderBytes)), { contentBytes: bytes });
  }
  // 8 bytes of size, as RFC 8878 has it: 5 GiB.
  const large = Buffer.from("28b52ffdc0580000004001000000", "hex");
  assert.deepEqual(readZstdFrame(large), { contentBytes: 5 * 2 ** 30 });
});

test("a frame whose writer did not know is one without a size, and all else is none", async () => {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
  stream.end("abc".repeat(1000));
  const [frame] = (await stream.toArray()) as [Buffer];
  assert.deepEqual(readZstdFrame(frame.subarray(0, zstdFrameHeaderBytes)), {});
  assert.equal(readZstdFrame(Buffer.from("EFI PART and more")), undefined);
  assert.equal(readZstdFrame(Buffer.from("(")), undefined);
});
