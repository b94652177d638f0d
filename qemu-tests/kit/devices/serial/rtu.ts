/** Modbus RTU as bytes: "MODBUS over Serial Line V1.02", section 2.5.1 (frame: unit, PDU, CRC with the low byte first). */

/** CRC-16 of Modbus, section 6.2.2: polynomial 0xA001 (reflected), initial value 0xFFFF. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xa001 : 0);
  }
  return crc;
}

/** The frame of a PDU. */
export function encodeFrame(unit: number, pdu: Uint8Array): Buffer {
  const frame = Buffer.alloc(pdu.length + 3);
  frame[0] = unit;
  frame.set(pdu, 1);
  frame.writeUInt16LE(crc16(frame.subarray(0, -2)), frame.length - 2);
  return frame;
}

export function hasGoodCrc(frame: Buffer): boolean {
  return frame.length >= 4 && frame.readUInt16LE(frame.length - 2) === crc16(frame.subarray(0, -2));
}

/** How many bytes the request that begins here has; `undefined` if that can't be said (yet). */
export function requestLength(bytes: Buffer): number | undefined {
  const code = bytes[1];
  if (code === undefined) return undefined;
  if (code >= 1 && code <= 6) return 8;
  if (code !== 15 && code !== 16) return undefined;
  const count = bytes[6];
  return count === undefined ? undefined : 9 + count;
}
