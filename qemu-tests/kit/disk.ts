/**
 * The board's card: a file in the board's folder, which the board may do to what it likes.
 *
 * Two kinds, because the emulated boards have two kinds of storage:
 *
 * - `write-cache`: a virtio disk. It is served by our NBD server with a cache that forgets at a power cut
 *   (`write-cache.ts`), so what was not flushed may be gone.
 * - `write-through`: the SD cards of the i.MX and the Raspberry Pi. QEMU's card has no cache and the guest sends no
 *   flush, so each sector is stable when it was written, and QEMU works on the file itself. A power cut ends QEMU
 *   between two sectors: a request of several sectors may be torn, which is all that can happen there.
 *
 * While the board has power only QEMU touches the card; the other methods then throw `DISK_IN_USE`.
 */
import { type FileHandle, open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { UmecError } from "../../runtime/errors.ts";
import { type Blocks, fileBlocks, partOf } from "./blocks.ts";
import { Fat } from "./fat.ts";
import { type Partition, readGpt } from "./gpt.ts";
import { type NbdServer, startNbdServer } from "./nbd-server.ts";
import { seededRandom } from "./random.ts";
import { type PowerCutLoss, WriteCache } from "./write-cache.ts";

export interface DiskOptions {
  /** The card, as it was flashed. It is used as it is, not copied. */
  path: string;
  /** The board's folder, for a socket. */
  dir: string;
  kind: "write-cache" | "write-through";
  /** The card's size, at least the file's. @default the file's */
  bytes?: number;
  /** What the power cuts take follows from it. @default 1 */
  seed?: number;
}

export class Disk implements AsyncDisposable {
  readonly path: string;
  readonly bytes: number;
  readonly #file: FileHandle;
  readonly #blocks: Blocks;
  readonly #cache: WriteCache | undefined;
  readonly #server: NbdServer | undefined;
  readonly #random: () => number;
  #inUse = false;

  private constructor(
    path: string,
    file: FileHandle,
    blocks: Blocks,
    server: NbdServer | undefined,
    seed: number,
  ) {
    this.path = path;
    this.bytes = blocks.bytes;
    this.#file = file;
    this.#blocks = blocks;
    this.#cache = blocks instanceof WriteCache ? blocks : undefined;
    this.#server = server;
    this.#random = seededRandom(seed);
  }

  /** Puts the card into the slot. @throws UmecError `DISK_TOO_SMALL` */
  static async open({ path, dir, kind, bytes, seed = 1 }: DiskOptions): Promise<Disk> {
    const file = await open(path, "r+");
    const fileBytes = (await file.stat()).size;
    const wanted = bytes ?? fileBytes;
    if (wanted < fileBytes) {
      await file.close();
      throw new UmecError("DISK_TOO_SMALL", `a card of ${wanted} bytes can't hold ${path} of ${fileBytes}`);
    }
    await truncate(path, wanted);
    const stable = fileBlocks(file, wanted);
    if (kind === "write-through") return new Disk(path, file, stable, undefined, seed);
    const cache = new WriteCache(stable);
    return new Disk(path, file, cache, await startNbdServer(cache, join(dir, "nbd.sock")), seed);
  }

  /** QEMU's `-drive` options for it, without `if=`; from now on it belongs to QEMU. */
  attach(): string {
    this.#inUse = true;
    // QEMU's SD cards read 512 bytes at a time: with a thread's turn for each, a boot takes almost twice as long. Where the
    // kernel refuses io_uring, QEMU says so and takes threads.
    if (!this.#server) return `format=raw,aio=io_uring,file=${comma(this.path)}`;
    return `format=raw,file.driver=nbd,file.server.type=unix,file.server.path=${comma(this.#server.path)}`;
  }

  /**
   * QEMU has ended. `off`: the power was switched off in order; `cut`: it went away; `on`: the board was only reset,
   * so the disk's cache still holds what it held.
   */
  async detach(power: "on" | "off" | "cut"): Promise<PowerCutLoss | undefined> {
    this.#cache?.letGo();
    await this.#server?.idle();
    this.#inUse = false;
    if (power === "off") await this.#cache?.flush();
    return power === "cut" ? await this.#cache?.powerCut(this.#random) : undefined;
  }

  /**
   * Resolves when `writes` of the guest's writes lie unflushed in the cache, and holds the disk there: whoever cuts the
   * power now takes something. At once on a card without a cache.
   */
  async stopAtWrite(writes: number): Promise<void> {
    await this.#cache?.stopAtWrite(writes);
  }

  async partitions(): Promise<Partition[]> {
    this.#checkFree();
    return readGpt(this.#blocks);
  }

  /** A partition's bytes, by its label. @throws UmecError `DISK_NO_PARTITION`, `DISK_IN_USE` */
  async partition(label: string): Promise<Blocks> {
    const partitions = await this.partitions();
    const found = partitions.find((partition) => partition.label === label);
    if (found) return partOf(this.#blocks, found.start, found.bytes);
    const labels = partitions.map((partition) => partition.label).join(", ");
    throw new UmecError("DISK_NO_PARTITION", `there is no partition ${label} on the card, but ${labels}`);
  }

  /** The FAT file system on a partition. */
  async fat(label: string): Promise<Fat> {
    return Fat.open(await this.partition(label));
  }

  /** A file on a FAT partition. @throws UmecError `FAT_NOT_FOUND`, and those of `partition` */
  async readFile(label: string, path: string): Promise<Buffer> {
    return (await this.fat(label)).readFile(path);
  }

  /** Writes a file on a FAT partition. */
  async writeFile(label: string, path: string, data: Uint8Array | string): Promise<void> {
    await (await this.fat(label)).writeFile(path, data);
    await this.#cache?.flush();
  }

  /** Turns all bits of one byte: the medium has changed its mind. `offset` counts from the partition's beginning. */
  async flipByte(label: string, offset: number): Promise<void> {
    const partition = await this.partition(label);
    const byte = await partition.read(offset, 1);
    await partition.write(
      offset,
      byte.map((value) => value ^ 0xff),
    );
    await this.#cache?.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    await this.#file.close();
  }

  #checkFree(): void {
    if (!this.#inUse) return;
    throw new UmecError("DISK_IN_USE", "the board has power and works on its card", {
      hint: "await board.powerCut() or board.shutdown() first",
    });
  }
}

/** In QEMU's options a comma in a value is written twice. */
function comma(value: string): string {
  return value.replaceAll(",", ",,");
}
