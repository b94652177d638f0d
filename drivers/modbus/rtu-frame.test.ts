import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc16 } from "./crc16.ts";
import { encodeRead } from "./pdu.ts";
import { answerBytes, encodeRtu, isIntact, replyBytes, requestBytes } from "./rtu-frame.ts";
import { answer, createMemory } from "./simulator-answer.ts";

test("the checksum of the standard's example, and of a frame in the wild", () => {
  // Serial line guide, section 6.2.2.
  assert.equal(crc16(Buffer.from("0207", "hex")), 0x1241);
  assert.equal(encodeRtu(1, encodeRead("holding", 0, 10)).toString("hex"), "01030000000ac5cd");
  const frame = Buffer.from("01030000000ac5cd", "hex");
  assert.ok(isIntact(frame, 0, 8));
  assert.ok(!isIntact(Buffer.from("01030000000ac5cc", "hex"), 0, 8));
  assert.ok(!isIntact(Buffer.alloc(3), 0, 3));
  assert.ok(!isIntact(frame, 0, 9), "not all there");
});

test("no frame with one, two or three wrong bits passes for whole", () => {
  const pdu = fc.uint8Array({ minLength: 1, maxLength: 253 });
  fc.assert(
    fc.property(
      fc.nat(247),
      pdu,
      fc.uniqueArray(fc.nat(2047), { minLength: 1, maxLength: 3 }),
      (unit, pdu, flips) => {
        const frame = encodeRtu(unit, pdu);
        assert.ok(isIntact(frame, 0, frame.length));
        const bits = new Set(flips.map((bit) => bit % (frame.length * 8)));
        for (const bit of bits) frame[bit >> 3]! ^= 1 << (bit & 7);
        assert.ok(!isIntact(frame, 0, frame.length));
      },
    ),
  );
});

test("lengths told from the first bytes are those of real requests and replies", () => {
  const unit = createMemory({
    coil: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i, 1])),
    holding: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i, i])),
  });
  const requests = [
    "0100000013",
    "0300000007",
    "050003ff00",
    "0600031234",
    "0f0000000a02ffff",
    "100000000204aaaabbbb",
  ];
  for (const hex of requests) {
    const pdu = Buffer.from(hex, "hex");
    const request = encodeRtu(7, pdu);
    const reply = encodeRtu(7, answer(unit, pdu)!);
    assert.equal(requestBytes(request, 0), request.length, hex);
    assert.equal(replyBytes(reply, 0), reply.length, hex);
    assert.equal(answerBytes(pdu), reply.length, hex);
  }
  assert.equal(replyBytes(encodeRtu(7, Buffer.of(0x83, 2)), 0), 5);
  assert.equal(replyBytes(Buffer.of(7), 0), undefined);
  assert.equal(replyBytes(Buffer.of(7, 0x14), 0), 0);
});

test("what a device says of itself has the length that its parts say", () => {
  // Vendor, product code and revision: application protocol, section 6.21.
  const objects = Buffer.from("\x00\x04Acme\x01\x04PM-1\x02\x00", "latin1");
  const deviceId = encodeRtu(7, Buffer.concat([Buffer.from("2b0e0101000003", "hex"), objects]));
  const serverId = encodeRtu(7, Buffer.from("\x11\x05PM-1\xff", "latin1"));
  for (const frame of [deviceId, serverId]) {
    assert.equal(replyBytes(frame, 0), frame.length);
    for (let cut = 0; cut < frame.length - 2; cut++)
      assert.ok([undefined, frame.length].includes(replyBytes(frame.subarray(0, cut), 0)), `cut at ${cut}`);
  }
});

test("the length of a request is known by its function, and of 15 and 16 by its seventh byte", () => {
  const lengths = [1, 2, 3, 4, 5, 6].map((code) => requestBytes(Buffer.of(1, code), 0));
  assert.deepEqual(lengths, Array(6).fill(8));
  assert.equal(requestBytes(Buffer.of(1, 16, 0, 0, 0, 2), 0), undefined);
  assert.equal(requestBytes(Buffer.of(1, 16, 0, 0, 0, 2, 4), 0), 13);
  assert.equal(requestBytes(Buffer.of(1, 43), 0), 0);
  assert.equal(requestBytes(Buffer.of(1), 0), undefined);
});
