/**
 * The checksum of RTU frames: MODBUS over Serial Line V1.02, section 6.2.2. Polynomial 0xA001 (0x8005 mirrored),
 * preset to 0xFFFF; in a frame the low byte comes first (section 2.5.1.2).
 */

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  return crc;
});

/** The checksum, 0 to 0xFFFF, of `bytes` from `start` up to, not including, `end`. */
export function crc16(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = 0xffff;
  for (let i = start; i < end; i++) crc = (crc >> 8) ^ table[(crc ^ bytes[i]!) & 0xff]!;
  return crc;
}
