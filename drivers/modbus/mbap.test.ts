import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { mbap } from "./mbap.ts";

type Frame = [id: number, unit: number, pdu: string];

function collect(chunks: Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const decode = mbap.createDecoder((id, unit, pdu) => frames.push([id, unit, pdu.toString("hex")]));
  for (const chunk of chunks) {
    // One buffer used again and again, as a socket does.
    const shared = Buffer.from(chunk);
    decode(shared);
    shared.fill(0xee);
  }
  return frames;
}

test("a frame is laid out as in section 3.1.3", () => {
  assert.equal(
    mbap.encode(0x1501, 0xff, Buffer.from("0300040001", "hex")).toString("hex"),
    "150100000006ff0300040001",
  );
});

test("frames come out whole however the stream is cut", () => {
  const frame = fc.tuple(fc.nat(0xffff), fc.nat(0xff), fc.uint8Array({ minLength: 1, maxLength: 253 }));
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.array(fc.nat(2100), { maxLength: 12 }),
      (frames, cuts) => {
        const stream = Buffer.concat(
          frames.map(([id, unit, pdu]) => mbap.encode(id, unit, Buffer.from(pdu))),
        );
        const borders = [
          0,
          ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b),
          stream.length,
        ];
        const chunks = borders.slice(1).map((end, i) => stream.subarray(borders[i], end));
        assert.deepEqual(
          collect(chunks),
          frames.map(([id, unit, pdu]) => [id, unit, Buffer.from(pdu).toString("hex")]),
        );
      },
    ),
  );
});

test("what is no header is refused, behind good frames too", () => {
  const good = mbap.encode(1, 1, Buffer.from("0302000a", "hex"));
  for (const bad of ["000200010006", "000200000001", "0002000000ff", Buffer.from("HTTP/1").toString("hex")]) {
    const frames: number[] = [];
    const decode = mbap.createDecoder((id) => frames.push(id));
    assert.throws(
      () => decode(Buffer.concat([good, Buffer.from(bad, "hex")])),
      (error) => isUmecError(error, "MODBUS_FRAME"),
    );
    assert.deepEqual(frames, [1]);
  }
});
