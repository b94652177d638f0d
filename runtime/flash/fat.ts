/**
 * Finds a file of a FAT file system's root directory and says where its bytes lie: all that is needed to overwrite it in
 * place. Nothing is allocated, and no byte outside the file is touched.
 *
 * By Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (fatgen103): FAT16 and FAT32; a file's long name is in the
 * entries before its own, last part first (section "Long Directory Entry").
 */
import { UmecError } from "../errors.ts";
import type { ReadDisk } from "./gpt.ts";

export interface FileOnDisk {
  bytes: number;
  /** Where they lie, in order; `start` in bytes from the beginning of what is read. */
  extents: readonly { start: number; bytes: number }[];
}

/**
 * @param read reads the file system, from its first byte on
 * @param name of the file; case does not matter
 * @throws UmecError `FLASH_NO_FAT`, `FLASH_FILE_MISSING`
 */
export async function findFile(read: ReadDisk, name: string): Promise<FileOnDisk> {
  const volume = readVolume(Buffer.from(await read(0, 512)));
  const clusters = new Clusters(read, volume);
  const entry = await findEntry(read, volume, clusters, name);
  if (!entry) {
    throw new UmecError("FLASH_FILE_MISSING", `the boot partition has no file ${name}`, {
      hint: "is it a card with µMEC? Write the image again",
    });
  }
  const wanted = Math.ceil(entry.bytes / volume.clusterBytes);
  const extents: { start: number; bytes: number }[] = [];
  let left = entry.bytes;
  for (const cluster of await clusters.chain(entry.firstCluster, wanted)) {
    const start = volume.clusterStart(cluster);
    const bytes = Math.min(volume.clusterBytes, left);
    left -= bytes;
    const last = extents.at(-1);
    if (last && last.start + last.bytes === start) last.bytes += bytes;
    else extents.push({ start, bytes });
  }
  return { bytes: entry.bytes, extents };
}

interface Volume {
  kind: 16 | 32;
  clusterBytes: number;
  clusterCount: number;
  fatStart: number;
  /** FAT16: the root directory has a place of its own. */
  root: { start: number; bytes: number } | { firstCluster: number };
  clusterStart(cluster: number): number;
}

function readVolume(sector: Buffer): Volume {
  const sectorBytes = sector.readUInt16LE(11);
  const sectorsPerCluster = sector[13]!;
  const reserved = sector.readUInt16LE(14);
  const fats = sector[16]!;
  const rootEntries = sector.readUInt16LE(17);
  const sectors = sector.readUInt16LE(19) || sector.readUInt32LE(32);
  const fatSectors = sector.readUInt16LE(22) || sector.readUInt32LE(36);
  const powerOfTwo = (value: number) => value > 0 && (value & (value - 1)) === 0;
  const sane =
    sector.readUInt16LE(510) === 0xaa55 &&
    powerOfTwo(sectorBytes) &&
    sectorBytes >= 512 &&
    sectorBytes <= 4096 &&
    powerOfTwo(sectorsPerCluster) &&
    reserved > 0 &&
    fats > 0 &&
    fatSectors > 0;
  if (!sane) throw noFat("the boot partition has no FAT file system");
  const rootSectors = Math.ceil((rootEntries * 32) / sectorBytes);
  const rootStart = reserved + fats * fatSectors;
  const dataStart = rootStart + rootSectors;
  const clusterCount = Math.floor((sectors - dataStart) / sectorsPerCluster);
  // By the count of clusters alone, whatever the text in the boot sector says.
  if (clusterCount < 4085) throw noFat("the boot partition has a FAT12 file system, which is not understood");
  const kind = clusterCount < 65_525 ? 16 : 32;
  const clusterBytes = sectorsPerCluster * sectorBytes;
  return {
    kind,
    clusterBytes,
    clusterCount,
    fatStart: reserved * sectorBytes,
    root:
      kind === 16
        ? { start: rootStart * sectorBytes, bytes: rootEntries * 32 }
        : { firstCluster: sector.readUInt32LE(44) },
    clusterStart: (cluster) => dataStart * sectorBytes + (cluster - 2) * clusterBytes,
  };
}

class Clusters {
  readonly #read: ReadDisk;
  readonly #volume: Volume;

  constructor(read: ReadDisk, volume: Volume) {
    this.#read = read;
    this.#volume = volume;
  }

  /** The chain from `first` on: `count` clusters, or all when that is not given. */
  async chain(first: number, count?: number): Promise<number[]> {
    const { kind, clusterCount, fatStart } = this.#volume;
    const chain: number[] = [];
    const seen = new Set<number>();
    for (let cluster = first; chain.length !== count; ) {
      if (cluster < 2 || cluster > clusterCount + 1 || seen.has(cluster))
        throw noFat("the boot partition's file system is damaged: a chain of clusters leads nowhere");
      seen.add(cluster);
      chain.push(cluster);
      const entry = Buffer.from(await this.#read(fatStart + (cluster * kind) / 8, kind / 8));
      cluster = kind === 16 ? entry.readUInt16LE() : entry.readUInt32LE() & 0x0fff_ffff;
      const end = kind === 16 ? 0xfff8 : 0x0fff_fff8;
      if (count === undefined && cluster >= end) break;
    }
    return chain;
  }
}

interface Entry {
  bytes: number;
  firstCluster: number;
}

async function findEntry(
  read: ReadDisk,
  volume: Volume,
  clusters: Clusters,
  name: string,
): Promise<Entry | undefined> {
  const { root } = volume;
  const areas =
    "start" in root
      ? [root]
      : (await clusters.chain(root.firstCluster)).map((cluster) => ({
          start: volume.clusterStart(cluster),
          bytes: volume.clusterBytes,
        }));
  const wanted = name.toLowerCase();
  let long: LongName | undefined;
  for (const { start, bytes } of areas) {
    const directory = Buffer.from(await read(start, bytes));
    for (let at = 0; at < bytes; at += 32) {
      const entry = directory.subarray(at, at + 32);
      if (entry[0] === 0) return undefined;
      const attributes = entry[11]! & 0x3f;
      if (entry[0] === 0xe5) long = undefined;
      else if (attributes === 0x0f) long = addLongPart(entry, long);
      else {
        const names = [shortName(entry), long?.sum === shortSum(entry) ? long.text : undefined];
        long = undefined;
        // Neither the volume's label nor a directory.
        if ((attributes & 0x18) !== 0 || !names.some((each) => each?.toLowerCase() === wanted)) continue;
        const high = volume.kind === 32 ? entry.readUInt16LE(20) << 16 : 0;
        return { bytes: entry.readUInt32LE(28), firstCluster: high | entry.readUInt16LE(26) };
      }
    }
  }
  return undefined;
}

interface LongName {
  /** Number of the part that was read last; they count down to 1. */
  part: number;
  /** Of the short name that it belongs to. */
  sum: number;
  text: string;
}

function addLongPart(entry: Buffer, before: LongName | undefined): LongName | undefined {
  const order = entry[0]!;
  const sum = entry[13]!;
  const part = order & 0x3f;
  const characters = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]);
  const text = characters.toString("utf16le").replace(/\0.*$/s, "");
  if ((order & 0x40) !== 0) return { part, sum, text };
  if (before?.part !== part + 1 || before.sum !== sum) return undefined;
  return { part, sum, text: text + before.text };
}

function shortName(entry: Buffer): string {
  const [base, end] = [entry.toString("latin1", 0, 8).trimEnd(), entry.toString("latin1", 8, 11).trimEnd()];
  return end === "" ? base : `${base}.${end}`;
}

/** The checksum that a long name carries of its short one. */
function shortSum(entry: Buffer): number {
  let sum = 0;
  for (const byte of entry.subarray(0, 11)) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff;
  return sum;
}

function noFat(message: string): UmecError {
  return new UmecError("FLASH_NO_FAT", message, { hint: "is it a card with µMEC? Write the image again" });
}
