/**
 * A disk with a write cache that forgets when the power goes.
 *
 * 1. A write is in the cache when it is answered; reads see it at once.
 * 2. `flush` makes all earlier writes stable before it resolves. A write with `fua` is stable when it resolves, and
 *    with it the cached ones up to the last that overlaps it, if there is one.
 * 3. `powerCut` keeps a random part of what is in the cache, each write by the throw of a coin, as a drive that was
 *    writing back in its own order; the newest write may be torn at a boundary of 512 bytes. The rest is gone.
 * 4. `trim` says that nobody needs these bytes: writes in the cache that lie within are forgotten. What a read gives
 *    there is open, as in the NBD protocol.
 * 5. The cache holds `limitBytes` (default 64 MiB); beyond that the oldest writes become stable, as a drive does when
 *    its memory is full.
 *
 * One call at a time: the next one begins when the last one has resolved.
 *
 * "Stable" means written to the file below: it survives the end of QEMU, not a power cut of this machine.
 */
import { type Blocks, checkRange } from "./blocks.ts";

/** What a power cut did to the cache. */
export interface PowerCutLoss {
  /** Writes that were in the cache. */
  unflushed: number;
  kept: number;
  dropped: number;
  /** Bytes of them that are gone, with those of a torn one. */
  lostBytes: number;
  /** How many bytes of the newest write are there, when it was torn. */
  tornAt?: number;
}

interface CachedWrite {
  offset: number;
  data: Uint8Array;
}

const sector = 512;
const defaultLimitBytes = 64 * 2 ** 20;

export class WriteCache implements Blocks {
  readonly bytes: number;
  readonly #stable: Blocks;
  readonly #limitBytes: number;
  #writes: CachedWrite[] = [];
  #cachedBytes = 0;
  /** Set by `stopAtWrite`: how many unflushed writes it waits for, and who is told. */
  #stopAt: { writes: number; reached: () => void } | undefined;
  /** While it stands still: settled when the power goes. */
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(stable: Blocks, options: { limitBytes?: number } = {}) {
    this.#stable = stable;
    this.bytes = stable.bytes;
    this.#limitBytes = options.limitBytes ?? defaultLimitBytes;
  }

  /** What a power cut could take, in bytes. */
  get unflushedBytes(): number {
    return this.#cachedBytes;
  }

  /**
   * Resolves when `writes` writes lie unflushed. From then on the disk does nothing more until the power goes: a cut
   * that takes something, without a race against the guest's flush.
   */
  stopAtWrite(writes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopAt = { writes, reached: resolve };
    return promise;
  }

  /** The power goes: requests that a stopped disk has taken are not done. */
  letGo(): void {
    this.#stopAt = undefined;
    this.#stopped?.resolve();
    this.#stopped = undefined;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    checkRange(this.bytes, offset, length);
    if (await this.#gone()) return Buffer.alloc(length);
    const data = await this.#stable.read(offset, length);
    for (const write of this.#writes) {
      const from = Math.max(offset, write.offset);
      const to = Math.min(offset + length, write.offset + write.data.length);
      if (from < to) data.set(write.data.subarray(from - write.offset, to - write.offset), from - offset);
    }
    return data;
  }

  /** The bytes of `data` belong to the cache from now on. */
  async write(offset: number, data: Uint8Array, options: { fua?: boolean } = {}): Promise<void> {
    checkRange(this.bytes, offset, data.length);
    if (await this.#gone()) return;
    if (options.fua) {
      const overlaps = (write: CachedWrite) =>
        write.offset < offset + data.length && offset < write.offset + write.data.length;
      // All up to the last that overlaps: else an older one could come to lie over a newer one.
      await this.#settle(this.#writes.findLastIndex(overlaps) + 1);
      await this.#stable.write(offset, data);
      return;
    }
    this.#writes.push({ offset, data });
    this.#cachedBytes += data.length;
    if (this.#stopAt && this.#writes.length >= this.#stopAt.writes) {
      this.#stopped = Promise.withResolvers();
      this.#stopAt.reached();
      this.#stopAt = undefined;
    }
    if (this.#cachedBytes <= this.#limitBytes) return;
    let count = 0;
    for (let left = this.#cachedBytes; left > this.#limitBytes; count++)
      left -= this.#writes[count]?.data.length ?? 0;
    await this.#settle(count);
  }

  async flush(): Promise<void> {
    if (await this.#gone()) return;
    await this.#settle(this.#writes.length);
  }

  trim(offset: number, length: number): void {
    checkRange(this.bytes, offset, length);
    const within = (write: CachedWrite) =>
      write.offset >= offset && write.offset + write.data.length <= offset + length;
    this.#keep(this.#writes.filter((write) => !within(write)));
  }

  /** The power goes; see the head of this file. `random` gives numbers from 0 to below 1. */
  async powerCut(random: () => number): Promise<PowerCutLoss> {
    const writes = this.#writes;
    this.#keep([]);
    const loss: PowerCutLoss = { unflushed: writes.length, kept: 0, dropped: 0, lostBytes: 0 };
    for (const [index, { offset, data }] of writes.entries()) {
      const sectors = Math.floor(data.length / sector);
      if (index === writes.length - 1 && sectors > 1 && random() < 0.5) {
        loss.tornAt = (1 + Math.floor(random() * (sectors - 1))) * sector;
        loss.lostBytes += data.length - loss.tornAt;
        await this.#stable.write(offset, data.subarray(0, loss.tornAt));
      } else if (random() < 0.5) {
        loss.kept++;
        await this.#stable.write(offset, data);
      } else {
        loss.dropped++;
        loss.lostBytes += data.length;
      }
    }
    return loss;
  }

  /** Whether the power went before this request could be done. */
  async #gone(): Promise<boolean> {
    if (!this.#stopped) return false;
    await this.#stopped.promise;
    return true;
  }

  /** Makes the oldest `count` writes stable. */
  async #settle(count: number): Promise<void> {
    for (const { offset, data } of this.#writes.slice(0, count)) await this.#stable.write(offset, data);
    this.#keep(this.#writes.slice(count));
  }

  #keep(writes: CachedWrite[]): void {
    this.#writes = writes;
    this.#cachedBytes = writes.reduce((sum, { data }) => sum + data.length, 0);
  }
}
