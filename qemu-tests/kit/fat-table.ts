import { UmecError } from "../../runtime/errors.ts";
import type { Blocks } from "./blocks.ts";

interface Geometry {
  wide: boolean;
  clusterBytes: number;
  clusters: number;
  dataStart: number;
  tables: number[];
  tableBytes: number;
  /** FAT16: a place of its own, cluster 0. FAT32: a chain. */
  root: { cluster: number; start: number; bytes: number };
  infoStart: number | undefined;
}

/** The table of a FAT file system: which clusters follow each other, and which are free. */
export class FatTable {
  readonly #blocks: Blocks;
  readonly #geometry: Geometry;
  readonly #table: Buffer;
  #changed = false;

  private constructor(blocks: Blocks, geometry: Geometry, table: Buffer) {
    this.#blocks = blocks;
    this.#geometry = geometry;
    this.#table = table;
  }

  /** @throws UmecError `FAT_INVALID` */
  static async open(blocks: Blocks): Promise<FatTable> {
    const geometry = await readGeometry(blocks);
    return new FatTable(blocks, geometry, await blocks.read(geometry.tables[0] ?? 0, geometry.tableBytes));
  }

  get clusterBytes(): number {
    return this.#geometry.clusterBytes;
  }

  get root(): Geometry["root"] {
    return this.#geometry.root;
  }

  /** Where a cluster's bytes lie. */
  place(cluster: number): number {
    return this.#geometry.dataStart + (cluster - 2) * this.clusterBytes;
  }

  /** The clusters of a file; none for cluster 0, an empty file. @throws UmecError `FAT_INVALID` when they make a ring */
  chain(first: number): number[] {
    const chain: number[] = [];
    for (let cluster = first; cluster >= 2 && cluster < this.#geometry.clusters + 2; ) {
      chain.push(cluster);
      if (chain.length > this.#geometry.clusters) throw invalid("has a chain of clusters without an end");
      cluster = this.#get(cluster);
    }
    return chain;
  }

  /** Gives a chain this many clusters, and returns them. @throws UmecError `FAT_FULL`, and then nothing has changed */
  resize(first: number, count: number): number[] {
    const chain = this.chain(first);
    const kept = chain.slice(0, count);
    for (let free = 2; kept.length < count; free++) {
      if (free >= this.#geometry.clusters + 2) {
        throw new UmecError(
          "FAT_FULL",
          `there is no room for ${count} clusters of ${this.clusterBytes} bytes`,
        );
      }
      if (this.#get(free) === 0) kept.push(free);
    }
    for (const cluster of chain.slice(count)) this.#set(cluster, 0);
    const end = this.#geometry.wide ? 0x0fffffff : 0xffff;
    for (const [index, cluster] of kept.entries()) this.#set(cluster, kept[index + 1] ?? end);
    return kept;
  }

  /** Writes all copies of the table. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    for (const start of this.#geometry.tables) await this.#blocks.write(start, this.#table);
    const { infoStart } = this.#geometry;
    // "Unknown": the next who mounts it counts the free clusters anew.
    if (infoStart !== undefined) await this.#blocks.write(infoStart + 488, Buffer.alloc(8, 0xff));
    this.#changed = false;
  }

  #get(cluster: number): number {
    return this.#geometry.wide
      ? this.#table.readUInt32LE(cluster * 4) & 0x0fffffff
      : this.#table.readUInt16LE(cluster * 2);
  }

  #set(cluster: number, value: number): void {
    if (this.#get(cluster) === value) return;
    this.#changed = true;
    if (this.#geometry.wide) {
      const reserved = this.#table.readUInt32LE(cluster * 4) & 0xf0000000;
      this.#table.writeUInt32LE((reserved | value) >>> 0, cluster * 4);
    } else this.#table.writeUInt16LE(value, cluster * 2);
  }
}

async function readGeometry(blocks: Blocks): Promise<Geometry> {
  const boot = await blocks.read(0, 512);
  if (boot.readUInt16LE(510) !== 0xaa55) throw invalid("has no signature in its first sector");
  const sector = boot.readUInt16LE(11);
  const perCluster = boot.readUInt8(13);
  if (![512, 1024, 2048, 4096].includes(sector) || perCluster === 0)
    throw invalid("has no likely sector size");
  const reserved = boot.readUInt16LE(14) * sector;
  const tableCount = boot.readUInt8(16);
  const rootBytes = boot.readUInt16LE(17) * 32;
  const total = (boot.readUInt16LE(19) || boot.readUInt32LE(32)) * sector;
  const tableBytes = (boot.readUInt16LE(22) || boot.readUInt32LE(36)) * sector;
  const rootStart = reserved + tableCount * tableBytes;
  const dataStart = rootStart + Math.ceil(rootBytes / sector) * sector;
  const clusterBytes = sector * perCluster;
  const clusters = Math.floor((total - dataStart) / clusterBytes);
  if (total > blocks.bytes || dataStart >= total) throw invalid("is larger than its partition");
  if (clusters < 4085) throw invalid("is FAT12, which is for floppy disks");
  const wide = clusters >= 65525;
  return {
    wide,
    clusterBytes,
    clusters,
    dataStart,
    tables: Array.from({ length: tableCount }, (_, index) => reserved + index * tableBytes),
    tableBytes,
    root: wide
      ? { cluster: boot.readUInt32LE(44), start: 0, bytes: 0 }
      : { cluster: 0, start: rootStart, bytes: rootBytes },
    infoStart: wide ? boot.readUInt16LE(48) * sector : undefined,
  };
}

function invalid(reason: string): UmecError {
  return new UmecError("FAT_INVALID", `the file system ${reason}`, { hint: "is this partition a FAT one?" });
}
