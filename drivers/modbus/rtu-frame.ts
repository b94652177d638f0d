/**
 * RTU frames: MODBUS over Serial Line V1.02, sections 2.3 and 2.5.1.
 *
 *     0      address of the unit: 0 to all (broadcast), 1 to 247, 248 to 255 reserved (section 2.2)
 *     1      PDU, at most 253 bytes
 *     n - 2  CRC-16 of all that comes before, low byte first
 *
 * A frame does not say how long it is. On the line its end is a silence of 3.5 characters; but nothing above the
 * kernel can see a silence of milliseconds with certainty, least of all through a USB converter. What a frame is
 * *meant* to be can be told from its function code, so length and CRC find it here, and silence only tells when
 * to stop hoping for the rest.
 */
import { crc16 } from "./crc16.ts";
import { functionCode } from "./pdu.ts";

/** Address, PDU of 253 bytes, CRC. */
export const maxRtuBytes = 256;
/** Address, function code, exception code, CRC. */
const exceptionBytes = 5;
/** As long as what a device says of itself usually is. */
const usualIdentityBytes = 64;

/** The frame that carries `pdu` to or from `unit`. */
export function encodeRtu(unit: number, pdu: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(pdu.length + 3);
  frame[0] = unit;
  frame.set(pdu, 1);
  frame.writeUInt16LE(crc16(frame, 0, pdu.length + 1), pdu.length + 1);
  return frame;
}

/** Whether the `length` bytes from `at` on are all there and have the right CRC. */
export function isIntact(bytes: Buffer, at: number, length: number): boolean {
  const end = at + length;
  return length >= 4 && end <= bytes.length && crc16(bytes, at, end - 2) === bytes.readUInt16LE(end - 2);
}

/** Length of the frame that answers `request` (a PDU) when all is well; an exception has 5 bytes. */
export function answerBytes(request: Buffer): number {
  const code = request[0]!;
  if (identifies(code)) return usualIdentityBytes;
  if (code > 4) return 8;
  const count = request.readUInt16BE(3);
  return 5 + (code <= 2 ? (count + 7) >> 3 : count * 2);
}

/** Length of the reply that begins at `at`: `undefined` while that can't be told, 0 if it is none that we know. */
export function replyBytes(bytes: Buffer, at: number): number | undefined {
  const code = bytes[at + 1];
  if (code === undefined) return undefined;
  if (code & 0x80) return exceptionBytes;
  if ((code >= 1 && code <= 4) || code === functionCode.reportServerId) {
    const count = bytes[at + 2];
    return count === undefined ? undefined : 5 + count;
  }
  if (code === functionCode.encapsulated) return deviceIdBytes(bytes, at);
  return writes(code) ? 8 : 0;
}

/** The same for a request. */
export function requestBytes(bytes: Buffer, at: number): number | undefined {
  const code = bytes[at + 1];
  if (code === undefined) return undefined;
  if (code >= 1 && code <= 6) return 8;
  if (!writes(code)) return 0;
  const count = bytes[at + 6];
  return count === undefined ? undefined : 9 + count;
}

/** The functions whose reply has a length that the request does not tell. */
export function identifies(code: number): boolean {
  return code === functionCode.reportServerId || code === functionCode.encapsulated;
}

/** Application protocol V1.1b3, section 6.21: seven bytes of head, then objects of number, length and text. */
function deviceIdBytes(bytes: Buffer, at: number): number | undefined {
  const count = bytes[at + 7];
  if (count === undefined) return undefined;
  let end = at + 8;
  for (let i = 0; i < count; i++) {
    const length = bytes[end + 1];
    if (length === undefined) return undefined;
    end += 2 + length;
  }
  return end - at + 2;
}

/** The functions whose reply repeats five bytes of the request. */
function writes(code: number): boolean {
  return code === 5 || code === 6 || code === 15 || code === 16;
}
