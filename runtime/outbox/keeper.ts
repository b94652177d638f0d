/**
 * Keeps one outbox file alive through everything that happens to files: it opens it or salvages it, commits,
 * makes room, and goes on when the disk is full. Synchronous; it lives in the outbox's own thread.
 *
 * When the disk is full, SQLite needs space even to erase. A ballast file of `ballastBytes` is given up then, so
 * that evicting works; from then on the file may not grow beyond what it has. The ballast is laid again when
 * the disk has room, and with it the quota is whole again.
 *
 * Damage that shows while running is met like damage at the start: the file is salvaged and the operation is
 * done again on the new one; `takeReset` tells the caller that what it had read is void.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { UmecError } from "../errors.ts";
import type { Lane } from "../plugin/contract.ts";
import { CorruptError, isDamage, isDiskFull } from "./errors.ts";
import { Evictor } from "./evict.ts";
import { type Label, readLabel, writeLabel } from "./label.ts";
import type { FileRow } from "./row.ts";
import { finishSalvage, labelPath, salvage } from "./salvage.ts";
import { type ChainCounters, type Draft, type Epoch, Store, type StoreOptions } from "./store.ts";
import type { Erasure, RowRange, SalvageReport } from "./types.ts";
import { isWritableFormat, scanWal } from "./wal.ts";

export interface KeeperOptions extends StoreOptions {
  path: string;
  /** This boot, as the kernel names it. */
  bootId: string;
  monotonicMs(): number;
  /** Space kept back for the day when the disk is full. @default 1 MiB */
  ballastBytes?: number;
}

export interface Opened {
  store: string;
  lastId: number;
  chains: ChainCounters[];
  epochs: Epoch[];
  salvage: SalvageReport | undefined;
}

export interface Commit {
  /** `epoch` is 0 where `time` is Unix time, 1 where it is this boot's monotonic time. */
  rows: readonly Draft[];
  erasures: readonly Erasure[];
  held: ReadonlyMap<Lane, readonly RowRange[]>;
}

export interface Committed {
  /** The rows with their numbers, then gap records that were made beside them. */
  rows: FileRow[];
  gaps: FileRow[];
  evictedSamples: number;
  /** Of those, by plugin. */
  evictedOf: Record<string, number>;
  chains: ChainCounters[];
  usedBytes: number;
  diskFull: boolean;
  /** Bytes that this thread gave the kernel to write so far. */
  writtenBytes: number;
}

const retryBallastMs = 30_000;
/** A difference between wall and monotonic clock that is a step, not the drift of two readings. */
export const clockStepMs = 1_000;

export class Keeper {
  readonly #options: KeeperOptions & { ballastBytes: number };
  #store!: Store;
  #label!: Label;
  #evictor!: Evictor;
  #report: SalvageReport | undefined;
  #reset = false;
  #diskFull = false;
  #quotaBytes: number;
  #ballastTriedAtMs = 0;
  #epoch = 0;
  #clockKnown = false;

  constructor(options: KeeperOptions) {
    this.#options = { ballastBytes: 1024 * 1024, ...options };
    this.#quotaBytes = options.quotaBytes;
  }

  /** Opens, makes or salvages the file. Throws `OUTBOX_TOO_NEW`, `OUTBOX_LOCKED`, or the file system's error. */
  open(): Opened {
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    finishSalvage(path);
    const empty = !existsSync(path) || statSync(path).size === 0;
    if (empty && existsSync(labelPath(path))) this.#salvage("the file is missing or empty");
    else if (!empty && !isWritableFormat(path)) this.#salvage("the file's header is damaged");
    else if (scanWal(`${path}-wal`)?.damaged)
      this.#salvage("the log has a damaged frame before committed ones");
    else {
      try {
        this.#openStore();
      } catch (error) {
        if (isLocked(error))
          throw new UmecError("OUTBOX_LOCKED", `${path} is in use by another process`, { cause: error });
        if (!isDamage(error)) throw error;
        this.#salvage(String(error));
      }
    }
    this.#layBallast();
    this.#reset = false;
    return this.#state();
  }

  #openStore(): void {
    const { path } = this.#options;
    const old = readLabel(labelPath(path));
    const label = old ?? { store: randomBytes(8).toString("hex"), generation: 0, chains: [], epochs: [] };
    const store = Store.open(path, label, this.#options);
    try {
      this.#adopt(store, label);
    } catch (error) {
      // Else what salvages the file would wait for its lock, and could read none of it.
      store.close();
      throw error;
    }
  }

  #adopt(store: Store, label: Label): void {
    this.#store = store;
    this.#label = label;
    this.#evictor = new Evictor(store);
    const epochs = store.epochs();
    const mine = epochs.findLast((epoch) => epoch.boot === this.#options.bootId);
    this.#epoch = mine?.id ?? (epochs.at(-1)?.id ?? 0) + 1;
    this.#clockKnown = mine !== undefined && mine.offsetMs !== null;
    if (!mine)
      store.putEpoch({
        id: this.#epoch,
        boot: this.#options.bootId,
        offsetMs: null,
        lastMs: 0,
        estimated: false,
      });
    this.#writeLabel();
  }

  #writeLabel(): void {
    const label: Label = {
      store: String(this.#store.meta("store")),
      generation: Number(this.#store.meta("generation")),
      chains: this.#store.chains().map(({ id, plugin, lane }) => ({ id, plugin, lane })),
      epochs: this.#store.epochs().map(({ id, boot, offsetMs }) => ({ id, boot, offsetMs })),
      sent: this.#store.chains().flatMap(({ id, sent }) => sent.map((range) => ({ chain: id, ...range }))),
    };
    if (JSON.stringify(label) !== JSON.stringify(readLabel(labelPath(this.#options.path)))) {
      writeLabel(labelPath(this.#options.path), label);
    }
    this.#label = label;
  }

  #salvage(reason: string, counters?: ChainCounters[], cause?: unknown): void {
    const suspect = cause instanceof CorruptError ? cause.suspect : undefined;
    const salvaged = salvage(this.#options.path, {
      ...this.#options,
      reason,
      ...(counters && { counters }),
      ...(suspect && { suspect }),
    });
    this.#report = salvaged.report;
    this.#reset = true;
    this.#adopt(salvaged.store, salvaged.label);
  }

  #state(): Opened {
    return {
      store: this.#label.store,
      lastId: this.#store.lastId,
      chains: this.#store.chains(),
      epochs: this.#store.epochs(),
      salvage: this.#report,
    };
  }

  /** The state of the new file, once after each salvage. */
  takeReset(): Opened | undefined {
    if (!this.#reset) return undefined;
    this.#reset = false;
    return this.#state();
  }

  /** Runs `work`; if the file turns out to be damaged, salvages it and runs `work` again. */
  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      const counters = this.#store.chains();
      this.#store.close();
      this.#salvage(String(error), counters, error);
      return work();
    }
  }

  ensureChain(plugin: string, lane: Lane): ChainCounters {
    return this.#guard(() => {
      const chain = this.#store.transaction(() => this.#store.ensureChain(plugin, lane));
      this.#writeLabel();
      return chain;
    });
  }

  /** One transaction: erases, makes room, appends. Throws `OUTBOX_FULL` when no room can be made. */
  commit(commit: Commit): Committed {
    if (this.#diskFull) this.#layBallast();
    try {
      return this.#guard(() => this.#commit(commit));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      return this.#commitOnFullDisk(commit, error);
    }
  }

  #commit({ rows, erasures, held }: Commit): Committed {
    const gaps: FileRow[] = [];
    const evictedOf: Record<string, number> = {};
    let evictedSamples = 0;
    const appended = this.#store.transaction(() => {
      for (const erasure of erasures) this.#store.erase(erasure);
      if (erasures.length > 0) this.#store.snapshot();
      if (rows.length > 0) evictedSamples = this.#makeRoom(rows, held, gaps, evictedOf);
      if (!this.#clockKnown) this.#noteTime();
      return rows.map((row) => this.#store.append(row.epoch === 0 ? row : { ...row, epoch: this.#epoch }));
    });
    return {
      rows: appended,
      gaps,
      evictedSamples,
      evictedOf,
      chains: this.#store.chains(),
      usedBytes: this.#store.usedBytes,
      diskFull: this.#diskFull,
      writtenBytes: writtenBytes(),
    };
  }

  #makeRoom(
    rows: readonly Draft[],
    held: Commit["held"],
    gaps: FileRow[],
    evictedOf: Record<string, number>,
  ): number {
    const incoming = rows.reduce((sum, row) => sum + row.records.length + 64, 0);
    let evictedSamples = 0;
    while (this.#store.usedBytes + incoming > this.#quotaBytes) {
      const evicted = this.#evictor.evict(held, { epoch: this.#epoch, time: this.#options.monotonicMs() });
      if (!evicted) {
        throw new UmecError(
          "OUTBOX_FULL",
          `the outbox is full: ${this.#quotaBytes} bytes, and nothing may be evicted`,
        );
      }
      gaps.push(...evicted.gaps);
      evictedSamples += evicted.samples;
      for (const [plugin, samples] of Object.entries(evicted.of))
        evictedOf[plugin] = (evictedOf[plugin] ?? 0) + samples;
    }
    return evictedSamples;
  }

  #commitOnFullDisk(commit: Commit, cause: unknown): Committed {
    this.#diskFull = true;
    this.#ballastTriedAtMs = this.#options.monotonicMs();
    rmSync(this.#ballastPath, { force: true });
    try {
      this.#store.checkpoint();
      // A little less than what it has, so that the next commit evicts.
      const incoming = commit.rows.reduce((sum, row) => sum + row.records.length + 64, 0);
      this.#quotaBytes = Math.min(this.#options.quotaBytes, Math.max(0, this.#store.usedBytes - incoming));
      return this.#guard(() => this.#commit(commit));
    } catch (error) {
      if (!isDiskFull(error) && !(error instanceof UmecError)) throw error;
      throw new UmecError("OUTBOX_FULL", "the disk is full, and no room could be made", {
        cause,
        hint: "free space on the data partition, or lower outbox.quotaBytes",
      });
    }
  }

  get #ballastPath(): string {
    return `${this.#options.path}.ballast`;
  }

  #layBallast(): void {
    const now = this.#options.monotonicMs();
    if (this.#diskFull && now - this.#ballastTriedAtMs < retryBallastMs) return;
    this.#ballastTriedAtMs = now;
    const { ballastBytes } = this.#options;
    if (
      ballastBytes === 0 ||
      (existsSync(this.#ballastPath) && statSync(this.#ballastPath).size === ballastBytes)
    ) {
      this.#restoreQuota();
      return;
    }
    try {
      const fd = openSync(this.#ballastPath, "w", 0o600);
      try {
        writeSync(fd, Buffer.alloc(ballastBytes));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      this.#restoreQuota();
    } catch (error) {
      rmSync(this.#ballastPath, { force: true });
      if (!isDiskFull(error)) throw error;
      this.#diskFull = true;
    }
  }

  #restoreQuota(): void {
    this.#diskFull = false;
    this.#quotaBytes = this.#options.quotaBytes;
  }

  setQuota(quotaBytes: number): void {
    this.#options.quotaBytes = quotaBytes;
    if (!this.#diskFull) this.#quotaBytes = quotaBytes;
  }

  read(lane: Lane, afterId: number, maxBytes: number): FileRow[] {
    return this.#guard(() => this.#store.read(lane, afterId, maxBytes));
  }

  verify(afterId: number): void {
    this.#guard(() => this.#store.verify(afterId));
  }

  markSent(chain: number, range: RowRange): void {
    this.#guard(() => this.#store.transaction(() => this.#store.addSent(chain, range)));
    this.#writeLabel();
  }

  /** Gives the file a new identity: what was known of the rows of the old one is void. */
  disown(): void {
    this.#guard(() =>
      this.#store.transaction(() => {
        this.#store.setMeta("store", randomBytes(8).toString("hex"));
        this.#store.forgetSent();
      }),
    );
    this.#writeLabel();
    this.#reset = true;
  }

  /** Appends a row that says only that the node was started again; the link fences its chain with it. */
  fence(chain: number): FileRow {
    return this.#guard(() =>
      this.#store.transaction(() => {
        const own = this.#store.nextRow(chain);
        const gap = { from: own, to: own, rows: 0, samples: 0, reason: "restart" } as const;
        return this.#store.appendGap(chain, gap, this.#epoch, this.#options.monotonicMs());
      }),
    );
  }

  /** Erases a row that can never be sent and says so in its chain; returns the gap record. */
  giveUp(row: { id: number; chain: number; row: number; samples: number }, reason: "too-large"): FileRow {
    return this.#guard(() =>
      this.#store.transaction(() => {
        const { id, chain, row: number, samples } = row;
        this.#store.erase({ chain, ids: [{ first: id, last: id }], rows: 1, samples });
        const gap = { from: number, to: number, rows: 1, samples, reason };
        const added = this.#store.appendGap(chain, gap, this.#epoch, this.#options.monotonicMs());
        this.#store.snapshot();
        return added;
      }),
    );
  }

  /**
   * The wall clock is known: Unix time `offsetMs` at monotonic time 0. Repairs the epochs of this boot, and
   * guesses those of boots that ended without: their last row is taken to lie just before this boot.
   */
  setClock(offsetMs: number): Epoch[] {
    return this.#guard(() => {
      this.#store.transaction(() => {
        for (const epoch of this.#store.epochs()) {
          if (epoch.offsetMs !== null) continue;
          const mine = epoch.boot === this.#options.bootId;
          this.#store.putEpoch({
            ...epoch,
            offsetMs: mine ? offsetMs : offsetMs - epoch.lastMs,
            estimated: !mine,
          });
        }
        this.#clockKnown = true;
        const current = this.#store.epochs().find((epoch) => epoch.id === this.#epoch);
        if (current && Math.abs((current.offsetMs ?? offsetMs) - offsetMs) > clockStepMs)
          this.#beginEpoch(offsetMs);
      });
      this.#writeLabel();
      return this.#store.epochs();
    });
  }

  /** The clock stepped: rows from now on get another offset, those before keep theirs. */
  #beginEpoch(offsetMs: number): void {
    this.#epoch++;
    this.#store.putEpoch({
      id: this.#epoch,
      boot: this.#options.bootId,
      offsetMs,
      lastMs: 0,
      estimated: false,
    });
  }

  /** How late it is while the clock is not known, for the guess of a later boot. */
  #noteTime(): void {
    const epoch = this.#store.epochs().find(({ id }) => id === this.#epoch);
    if (epoch) this.#store.putEpoch({ ...epoch, lastMs: this.#options.monotonicMs() });
  }

  close(): void {
    this.#store.transaction(() => this.#store.snapshot());
    this.#store.checkpoint();
    this.#store.close();
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
}

/** From the kernel's accounting of this thread: what an fsync will have carried to the disk. */
function writtenBytes(): number {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync("/proc/thread-self/io", "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
