/**
 * The file of a bundle while it is not whole: `<sha256>.part`, as long as the bundle from the start, with holes.
 *
 * Each MiB that was put is synced and then recorded (record-file.ts), so a cut at any moment costs at most that. When the
 * part is opened, what is recorded counts as there. What was put later lies among the first chunks that are missing, since
 * they are fetched in the order of the file: of these 4 MiB are read and hashed. Without a record all are.
 *
 * What is recorded and has been damaged since is found by the whole bundle's checksum (fetch.ts) and {@link PartFile.lookAgain}.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { type ChunkRef, chunkName } from "../../ota/chunk.ts";
import { chunkSizes } from "../../ota/chunker.ts";
import type { BundleIndex } from "../../ota/index-format.ts";
import { readFully } from "../../ota/read-chunks.ts";
import { verityTree } from "../../ota/verity-tree.ts";
import { Bits } from "./bits.ts";
import { Breath } from "./breath.ts";
import type { RecordFile } from "./record-file.ts";

const syncEveryBytes = 2 ** 20;
/** More than can be put while a sync is under way. */
const unrecordedBytes = 4 * syncEveryBytes;

export class PartFile implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #index: BundleIndex;
  readonly record: RecordFile;
  /** Places to be filled, as positions in the index, by the name of what goes there. */
  readonly #wanted = new Map<string, number[]>();
  readonly #piece = Buffer.allocUnsafe(chunkSizes.maxBytes);
  #there: Bits;
  #unsynced = 0;
  #syncing: Promise<void> = Promise.resolve();
  #doneBytes = 0;

  private constructor(path: string, file: FileHandle, index: BundleIndex, record: RecordFile) {
    this.path = path;
    this.#file = file;
    this.#index = index;
    this.record = record;
    this.#there = new Bits(index.chunks.length);
  }

  static async open(
    path: string,
    index: BundleIndex,
    record: RecordFile,
    signal: AbortSignal,
  ): Promise<PartFile> {
    const there = await stat(path).catch(() => undefined);
    const file = await open(path, there ? "r+" : "w+", 0o600);
    try {
      if (there?.size !== index.bundle.bytes) {
        await record.forget();
        await file.truncate(index.bundle.bytes);
      }
      const part = new PartFile(path, file, index, record);
      const unknownBytes = record.chunks ? unrecordedBytes : Number.POSITIVE_INFINITY;
      await part.#look(there ? unknownBytes : 0, signal);
      return part;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Finds out by reading all of it what is there, whatever is recorded. */
  async lookAgain(signal: AbortSignal): Promise<void> {
    await this.record.forget();
    await this.#look(Number.POSITIVE_INFINITY, signal);
  }

  /** @param mostBytes so much of what is not recorded is read; the rest counts as missing */
  async #look(mostBytes: number, signal: AbortSignal): Promise<void> {
    const breath = new Breath();
    const recorded = this.record.chunks;
    let left = mostBytes;
    let news = !recorded;
    this.#wanted.clear();
    this.#there = new Bits(this.#index.chunks.length);
    this.#doneBytes = this.#index.trees.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [at, ref] of this.#index.chunks.entries()) {
      let there = recorded?.has(at) ?? false;
      if (!there && left > 0) {
        left -= ref.bytes;
        await breath.take(ref.bytes, signal);
        there = await this.#has(ref);
        news ||= there;
      }
      if (there) {
        this.#there.add(at);
        this.#doneBytes += ref.bytes;
        continue;
      }
      const places = this.#wanted.get(ref.name);
      if (places) places.push(at);
      else this.#wanted.set(ref.name, [at]);
    }
    if (news) await this.sync();
  }

  async #has({ name, offset, bytes }: ChunkRef): Promise<boolean> {
    const content = this.#piece.subarray(0, bytes);
    return (await readFully(this.#file, content, offset)) && chunkName(content) === name;
  }

  /** Of the whole file; hash trees, which cost nothing, count as there. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  get isComplete(): boolean {
    return this.#wanted.size === 0;
  }

  wants(name: string): boolean {
    return this.#wanted.has(name);
  }

  /** One place of each chunk that is missing, in the order of the file. */
  missing(): ChunkRef[] {
    return [...this.#wanted.values()].map(([first]) => this.#index.chunks[first!]!);
  }

  /** Puts a chunk, whose name was checked, wherever it belongs. */
  async put(name: string, content: Uint8Array): Promise<void> {
    for (const at of this.#wanted.get(name) ?? []) {
      await this.#file.write(content, 0, content.length, this.#index.chunks[at]!.offset);
      this.#there.add(at);
      this.#doneBytes += content.length;
      this.#unsynced += content.length;
    }
    this.#wanted.delete(name);
    if (this.#unsynced >= syncEveryBytes) await this.sync();
  }

  /** What was put is on the disk then, and so is the record. */
  sync(): Promise<void> {
    const sync = async (): Promise<void> => {
      this.#unsynced = 0;
      // What is put from here on may miss the disk, and is not in it.
      const record = this.record.encode(this.#there);
      await this.#file.datasync();
      await this.record.write(record);
    };
    this.#syncing = this.#syncing.then(sync, sync);
    return this.#syncing;
  }

  /** Computes the hash trees from what is there. */
  async putTrees(signal: AbortSignal): Promise<void> {
    for (const { at, offset, dataBytes, salt } of this.#index.trees) {
      const tree = await verityTree(
        this.#file,
        { offset, dataBytes, salt: Buffer.from(salt, "hex") },
        signal,
      );
      if (tree) await this.#file.write(tree, 0, tree.length, at);
    }
    await this.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
