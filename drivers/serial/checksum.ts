export const checksumNames = ["sum8", "xor8", "sum16be", "sum16le", "crc16-modbus"] as const;
export type ChecksumName = (typeof checksumNames)[number];

/** Bytes that a checksum takes at the end of a frame. */
export function checksumBytes(name: ChecksumName): 1 | 2 {
  return name.endsWith("8") ? 1 : 2;
}

/** Whether the last bytes of a frame are the checksum of those before. */
export function isChecked(frame: Buffer, name: ChecksumName): boolean {
  const end = frame.length - checksumBytes(name);
  const body = frame.subarray(0, end);
  if (name === "xor8") return frame[end] === body.reduce((sum, byte) => sum ^ byte, 0);
  if (name === "crc16-modbus") return frame.readUInt16LE(end) === crc16(body);
  const sum = body.reduce((sum, byte) => sum + byte, 0);
  if (name === "sum8") return frame[end] === (sum & 0xff);
  return (name === "sum16be" ? frame.readUInt16BE(end) : frame.readUInt16LE(end)) === (sum & 0xffff);
}

/** CRC-16/MODBUS: polynomial 0x8005 reflected, initial value 0xFFFF. */
function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}
