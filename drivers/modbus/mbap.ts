/**
 * MBAP framing: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, sections 3.1.2 and 3.1.3.
 *
 *     0  transaction identifier, copied by the server
 *     2  protocol identifier, 0
 *     4  length of what follows: unit identifier and PDU, 2 to 254
 *     6  unit identifier
 *     7  PDU
 *
 * TCP keeps no message borders, so a chunk may hold part of a frame or many. A frame that lies whole in its
 * chunk is handed on without a copy. There is no mark to find the next frame by: after a header that can't be
 * one, nothing on this connection can be trusted, and the parser says so instead of guessing.
 */
import { frameError } from "./errors.ts";
import type { Framing, OnFrame } from "./transport.ts";

const headerBytes = 7;
const maxLength = 254;

export const mbap: Framing = {
  encode(transactionId, unit, pdu) {
    const adu = Buffer.allocUnsafe(headerBytes + pdu.length);
    adu.writeUInt16BE(transactionId, 0);
    adu.writeUInt16BE(0, 2);
    adu.writeUInt16BE(pdu.length + 1, 4);
    adu[6] = unit;
    adu.set(pdu, headerBytes);
    return adu;
  },

  createDecoder(onFrame) {
    let rest: Buffer | undefined;
    return (chunk) => {
      const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
      rest = undefined;
      const parsed = parse(bytes, onFrame);
      // At most one frame less a byte; copied, because the chunk's memory is used again.
      if (parsed < bytes.length) rest = Buffer.from(bytes.subarray(parsed));
    };
  },
};

/** Hands on each whole frame; gives the number of bytes that they took. */
function parse(bytes: Buffer, onFrame: OnFrame): number {
  let at = 0;
  while (bytes.length - at >= 6) {
    const length = bytes.readUInt16BE(at + 4);
    if (bytes.readUInt16BE(at + 2) !== 0 || length < 2 || length > maxLength) {
      throw frameError(`${bytes.toString("hex", at, at + 6)} is no MBAP header`);
    }
    const end = at + 6 + length;
    if (end > bytes.length) break;
    onFrame(bytes.readUInt16BE(at), bytes[at + 6]!, bytes.subarray(at + headerBytes, end));
    at = end;
  }
  return at;
}
