import { crc32 } from "node:zlib";
import { UmecError } from "../../runtime/errors.ts";
import type { Blocks } from "./blocks.ts";

export interface Partition {
  /** From 1, its place in the table. */
  number: number;
  label: string;
  /** In bytes from the disk's beginning. */
  start: number;
  bytes: number;
}

const sector = 512;

/**
 * The partitions of a disk, by its first GUID partition table (UEFI specification 2.10, section 5.3). The copy at the
 * disk's end is not looked at.
 *
 * @throws UmecError `GPT_INVALID`
 */
export async function readGpt(disk: Blocks): Promise<Partition[]> {
  const header = await disk.read(sector, sector);
  if (header.toString("latin1", 0, 8) !== "EFI PART") throw invalid("has no signature in its second sector");
  const headerBytes = header.readUInt32LE(12);
  if (headerBytes < 92 || headerBytes > sector) throw invalid(`has a header of ${headerBytes} bytes`);
  const checked = Buffer.from(header.subarray(0, headerBytes));
  checked.writeUInt32LE(0, 16);
  if (crc32(checked) !== header.readUInt32LE(16)) throw invalid("has a header with a wrong checksum");
  const count = header.readUInt32LE(80);
  const entryBytes = header.readUInt32LE(84);
  if (count > 1024 || entryBytes < 128 || entryBytes > 4096) throw invalid("has a table of unlikely size");
  const table = await disk.read(Number(header.readBigUInt64LE(72)) * sector, count * entryBytes);
  if (crc32(table) !== header.readUInt32LE(88)) throw invalid("has entries with a wrong checksum");
  const partitions: Partition[] = [];
  for (let index = 0; index < count; index++) {
    const entry = table.subarray(index * entryBytes, (index + 1) * entryBytes);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const first = Number(entry.readBigUInt64LE(32));
    const last = Number(entry.readBigUInt64LE(40));
    const label = entry.toString("utf16le", 56, 128).replace(/\0.*$/s, "");
    partitions.push({ number: index + 1, label, start: first * sector, bytes: (last - first + 1) * sector });
  }
  return partitions;
}

function invalid(reason: string): UmecError {
  return new UmecError("GPT_INVALID", `the disk's partition table ${reason}`, {
    hint: "is this a disk image of µMEC, uncompressed?",
  });
}
