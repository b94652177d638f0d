/**
 * The file of a bundle while it is not whole: `<sha256>.part`, as long as the bundle from the start, with holes.
 *
 * What is there is told by the file alone: when it is opened each chunk's place is read and hashed, which takes a second or
 * two and believes nothing. So a cut at any moment costs what was not on disk, at most 1 MiB, and a damaged place costs its
 * chunk. No second file can disagree with it.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { type ChunkRef, chunkName } from "../../ota/chunk.ts";
import { chunkSizes } from "../../ota/chunker.ts";
import type { BundleIndex } from "../../ota/index-format.ts";
import { readFully } from "../../ota/read-chunks.ts";
import { verityTree } from "../../ota/verity-tree.ts";
import { Breath } from "./breath.ts";

const syncEveryBytes = 2 ** 20;

export class PartFile implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #index: BundleIndex;
  /** Places to be filled, by the name of what goes there. */
  readonly #wanted = new Map<string, ChunkRef[]>();
  #unsynced = 0;
  #doneBytes: number;

  private constructor(path: string, file: FileHandle, index: BundleIndex) {
    this.path = path;
    this.#file = file;
    this.#index = index;
    this.#doneBytes = index.trees.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  static async open(path: string, index: BundleIndex, signal: AbortSignal): Promise<PartFile> {
    const there = await stat(path).catch(() => undefined);
    const file = await open(path, there ? "r+" : "w+", 0o600);
    try {
      if (there?.size !== index.bundle.bytes) await file.truncate(index.bundle.bytes);
      const part = new PartFile(path, file, index);
      await part.look(signal, there === undefined);
      return part;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Finds out what is there. @param empty nothing is, so nothing need be read */
  async look(signal: AbortSignal, empty = false): Promise<void> {
    const breath = new Breath();
    const piece = Buffer.allocUnsafe(chunkSizes.maxBytes);
    this.#wanted.clear();
    this.#doneBytes = this.#index.trees.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const ref of this.#index.chunks) {
      if (!empty) {
        await breath.take(ref.bytes, signal);
        const content = piece.subarray(0, ref.bytes);
        if ((await readFully(this.#file, content, ref.offset)) && chunkName(content) === ref.name) {
          this.#doneBytes += ref.bytes;
          continue;
        }
      }
      const places = this.#wanted.get(ref.name);
      if (places) places.push(ref);
      else this.#wanted.set(ref.name, [ref]);
    }
  }

  /** Of the whole file; hash trees, which cost nothing, count as there. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  wants(name: string): boolean {
    return this.#wanted.has(name);
  }

  /** One place of each chunk that is missing, in the order of the file. */
  missing(): ChunkRef[] {
    return [...this.#wanted.values()].map(([first]) => first!);
  }

  /** Puts a chunk, whose name was checked, wherever it belongs. */
  async put(name: string, content: Uint8Array): Promise<void> {
    const places = this.#wanted.get(name) ?? [];
    for (const { offset } of places) {
      await this.#file.write(content, 0, content.length, offset);
      this.#doneBytes += content.length;
      this.#unsynced += content.length;
    }
    this.#wanted.delete(name);
    if (this.#unsynced >= syncEveryBytes) await this.sync();
  }

  async sync(): Promise<void> {
    this.#unsynced = 0;
    await this.#file.datasync();
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
