/**
 * Reads and writes files of a FAT16 or FAT32 file system that nobody has mounted ("FAT32 File System Specification"
 * 1.03, Microsoft 2000): the boot partition and the kernel slots of a board that has no power.
 *
 * An existing file keeps its entry and its clusters; it grows into free ones and gives back what it needs no more. A
 * new file needs a name of eight and three characters and a free entry in its folder. Both copies of the table are
 * written. Nothing here survives a power cut of *this* machine half way: these disks are copies in a temporary folder.
 */
import { UmecError } from "../../runtime/errors.ts";
import type { Blocks } from "./blocks.ts";
import {
  type Entry,
  entryBytes,
  freeEntry,
  markDeleted,
  newEntry,
  parseEntries,
  setContent,
} from "./fat-directory.ts";
import { FatTable } from "./fat-table.ts";

/** A folder: its bytes, and where they lie. */
interface Folder {
  data: Buffer;
  /** Where the byte at `at` of `data` lies in the file system. */
  place(at: number): number;
}

export class Fat {
  readonly #blocks: Blocks;
  readonly #table: FatTable;

  private constructor(blocks: Blocks, table: FatTable) {
    this.#blocks = blocks;
    this.#table = table;
  }

  /** @throws UmecError `FAT_INVALID` */
  static async open(blocks: Blocks): Promise<Fat> {
    return new Fat(blocks, await FatTable.open(blocks));
  }

  /** The names in a folder, `""` for the topmost one. @throws UmecError `FAT_NOT_FOUND` */
  async list(path = ""): Promise<string[]> {
    return parseEntries((await this.#folder(path)).data)
      .map(({ name }) => name)
      .filter((name) => name !== "." && name !== "..");
  }

  /** A file's content; the case of its name is of no matter. @throws UmecError `FAT_NOT_FOUND` */
  async readFile(path: string): Promise<Buffer> {
    const { entry } = await this.#find(path);
    if (!entry || entry.isDirectory) throw notFound(path);
    const parts = [];
    for (const cluster of this.#table.chain(entry.cluster)) {
      parts.push(await this.#blocks.read(this.#table.place(cluster), this.#table.clusterBytes));
    }
    return Buffer.concat(parts).subarray(0, entry.bytes);
  }

  /** Writes a file, new or over the old one. @throws UmecError `FAT_FULL`, `FAT_NAME`, `FAT_NOT_FOUND` */
  async writeFile(path: string, data: Uint8Array | string): Promise<void> {
    const content = typeof data === "string" ? Buffer.from(data) : data;
    const { folder, entry, name } = await this.#find(path);
    const at = entry?.at ?? freeEntry(folder.data);
    const raw = entry ? Buffer.from(folder.data.subarray(at, at + entryBytes)) : newEntry(name);
    if (!raw) throw new UmecError("FAT_NAME", `${name} is no name of eight and three characters of one case`);
    if (at < 0) throw new UmecError("FAT_FULL", `the folder of ${path} has no free entry`);
    const { clusterBytes } = this.#table;
    const clusters = this.#table.resize(entry?.cluster ?? 0, Math.ceil(content.length / clusterBytes));
    for (const [index, cluster] of clusters.entries()) {
      const part = Buffer.alloc(clusterBytes);
      part.set(content.subarray(index * clusterBytes, (index + 1) * clusterBytes));
      await this.#blocks.write(this.#table.place(cluster), part);
    }
    setContent(raw, clusters[0] ?? 0, content.length);
    await this.#table.save();
    await this.#blocks.write(folder.place(at), raw);
  }

  /** @throws UmecError `FAT_NOT_FOUND` */
  async remove(path: string): Promise<void> {
    const { folder, entry } = await this.#find(path);
    if (!entry || entry.isDirectory) throw notFound(path);
    this.#table.resize(entry.cluster, 0);
    await this.#table.save();
    for (let at = entry.from; at <= entry.at; at += entryBytes) {
      const raw = Buffer.from(folder.data.subarray(at, at + entryBytes));
      markDeleted(raw);
      await this.#blocks.write(folder.place(at), raw);
    }
  }

  async #find(path: string): Promise<{ folder: Folder; entry: Entry | undefined; name: string }> {
    const names = path.split("/").filter((part) => part !== "");
    const name = names.pop() ?? "";
    const folder = await this.#folder(names.join("/"));
    return { folder, entry: named(folder, name), name };
  }

  async #folder(path: string): Promise<Folder> {
    let folder = await this.#read(0);
    for (const name of path.split("/").filter((part) => part !== "")) {
      const entry = named(folder, name);
      if (!entry?.isDirectory) throw notFound(path);
      folder = await this.#read(entry.cluster);
    }
    return folder;
  }

  /** Cluster 0 is the topmost folder, which lies at a place of its own in FAT16. */
  async #read(cluster: number): Promise<Folder> {
    const table = this.#table;
    if (cluster === 0 && table.root.cluster === 0) {
      const { start, bytes } = table.root;
      return { data: await this.#blocks.read(start, bytes), place: (at) => start + at };
    }
    const clusters = table.chain(cluster || table.root.cluster);
    const parts = [];
    for (const part of clusters) parts.push(await this.#blocks.read(table.place(part), table.clusterBytes));
    const { clusterBytes } = table;
    return {
      data: Buffer.concat(parts),
      place: (at) => table.place(clusters[Math.floor(at / clusterBytes)] ?? 0) + (at % clusterBytes),
    };
  }
}

function named(folder: Folder, name: string): Entry | undefined {
  const wanted = name.toLowerCase();
  return parseEntries(folder.data).find((entry) => entry.name.toLowerCase() === wanted);
}

function notFound(path: string): UmecError {
  return new UmecError("FAT_NOT_FOUND", `there is no ${path} in the file system`);
}
