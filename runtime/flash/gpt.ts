import { crc32 } from "node:zlib";
import { UmecError } from "../errors.ts";

/** Reads `length` bytes at `position` of a disk. The bytes are good until the next call. */
export type ReadDisk = (position: number, length: number) => Promise<Uint8Array>;

export interface GptPartition {
  /** From 1. */
  number: number;
  /** PARTLABEL; at most 36 characters. */
  label: string;
  /** In bytes from the disk's beginning. */
  start: number;
  bytes: number;
}

const sectorBytes = 512;
const mostTableBytes = 2 ** 20;

/**
 * The partitions of a disk with sectors of 512 bytes, by its primary table (UEFI specification 2.10, section 5.3).
 *
 * @throws UmecError `FLASH_NO_GPT` when there is none, or its checksums do not fit
 */
export async function readGpt(read: ReadDisk): Promise<GptPartition[]> {
  const header = Buffer.from(await read(sectorBytes, sectorBytes));
  if (header.toString("latin1", 0, 8) !== "EFI PART") throw noGpt("it has none");
  const headerBytes = header.readUInt32LE(12);
  if (headerBytes < 92 || headerBytes > sectorBytes) throw noGpt(`its header has ${headerBytes} bytes`);
  const headerCrc = header.readUInt32LE(16);
  header.writeUInt32LE(0, 16);
  if (crc32(header.subarray(0, headerBytes)) !== headerCrc) throw noGpt("the checksum of its header differs");
  if (header.readBigUInt64LE(24) !== 1n) throw noGpt("its header says that it stands elsewhere");
  const [count, entryBytes] = [header.readUInt32LE(80), header.readUInt32LE(84)];
  if (entryBytes < 128 || entryBytes % 8 !== 0 || count * entryBytes > mostTableBytes)
    throw noGpt(`its table has ${count} entries of ${entryBytes} bytes`);
  const table = Buffer.from(await read(Number(header.readBigUInt64LE(72)) * sectorBytes, count * entryBytes));
  if (crc32(table) !== header.readUInt32LE(88)) throw noGpt("the checksum of its table differs");
  return partitionsOf(table, entryBytes);
}

function partitionsOf(table: Buffer, entryBytes: number): GptPartition[] {
  const partitions: GptPartition[] = [];
  for (let at = 0; at + entryBytes <= table.length; at += entryBytes) {
    const entry = table.subarray(at, at + entryBytes);
    // A type of zeros: the entry is not used.
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const [first, last] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))];
    if (last < first) throw noGpt(`its partition ${at / entryBytes + 1} ends before it begins`);
    partitions.push({
      number: at / entryBytes + 1,
      label: entry.toString("utf16le", 56, 128).replace(/\0.*$/s, ""),
      start: first * sectorBytes,
      bytes: (last - first + 1) * sectorBytes,
    });
  }
  return partitions;
}

function noGpt(reason: string): UmecError {
  return new UmecError("FLASH_NO_GPT", `there is no partition table (GPT) to go by: ${reason}`, {
    hint: "a configuration can only be put on a µMEC image; write one first",
  });
}
