import assert from "node:assert/strict";
import { test } from "node:test";
import { crc16, encodeFrame, hasGoodCrc, requestLength } from "./rtu.ts";

test("the checksum of known frames", () => {
  // V1.02, section 6.2.2 has 02 07 → 41 12 on the wire.
  assert.equal(crc16(Uint8Array.of(0x02, 0x07)), 0x1241);
  assert.equal(encodeFrame(1, Uint8Array.of(3, 0, 0, 0, 10)).toString("hex"), "01030000000ac5cd");
  assert.ok(hasGoodCrc(Buffer.from("01030000000ac5cd", "hex")));
  assert.ok(!hasGoodCrc(Buffer.from("01030000000ac5cc", "hex")));
  assert.ok(!hasGoodCrc(Buffer.alloc(3)));
});

test("the length of a request is known by its function, and of 15 and 16 by its seventh byte", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((code) => requestLength(Buffer.of(1, code))),
    Array(6).fill(8),
  );
  assert.equal(requestLength(Buffer.of(1, 16, 0, 0, 0, 2)), undefined);
  assert.equal(requestLength(Buffer.of(1, 16, 0, 0, 0, 2, 4)), 13);
  assert.equal(requestLength(Buffer.of(1, 43)), undefined);
  assert.equal(requestLength(Buffer.of(1)), undefined);
});
