/**
 * The outbox: an `append` that resolved is on disk, and stays until the hub has stored it.
 *
 * Group commit: the first pack that waits starts a clock of `commitMs`; when it runs out, or `commitBytes`
 * are waiting, all that wait go to the file in one transaction with one fsync, and all are acknowledged.
 * While a commit runs the next batch gathers. At most `maxPendingBytes` wait; beyond that `append` refuses
 * with `OUTBOX_OVERLOADED`, so a slow disk pushes back instead of eating memory.
 *
 * Erasures are lazy: they ride on a commit when `eraseMs` have passed, when there are many, when the file is
 * nearly full, or when `flush` asks. By then whole pages are empty and need not be written again, which
 * spares the flash. A crash before costs nothing but repetition: see store.ts.
 */
import type { Clock } from "../clock.ts";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Lane } from "../plugin/contract.ts";
import { type Committed, clockStepMs, type Opened } from "./keeper.ts";
import { type KeeperPort, LocalPort, type PortOptions } from "./port.ts";
import { type FileRow, isGapKind, kindOf } from "./row.ts";
import type { ChainCounters, Draft, Epoch } from "./store.ts";
import { ThreadPort } from "./thread-port.ts";
import type { ChainState, Erasure, NewRow, OutboxSource, OutboxStats, Row, RowRange } from "./types.ts";

export interface OutboxOptions extends PortOptions {
  clock: Clock;
  log: Log;
  /** Longest time that a pack waits for company. @default 10 */
  commitMs?: number;
  /** Bytes waiting that are written at once. @default 256 KiB */
  commitBytes?: number;
  /** Bytes waiting beyond which packs are refused. @default 8 MiB */
  maxPendingBytes?: number;
  /** Longest time that an erasure stays in memory only. @default 10_000 */
  eraseMs?: number;
  /** Whether the file has a thread of its own. @default true */
  thread?: boolean;
}

interface Pending {
  draft: Draft;
  resolve: (row: number) => void;
  reject: (error: unknown) => void;
}

/** More at once would keep the packs of that commit waiting for 50 ms. */
const eraseRows = 2_000;
const nearlyFull = 0.75;

export class Outbox implements OutboxSource {
  readonly #port: KeeperPort;
  readonly #options: Required<
    Pick<OutboxOptions, "commitMs" | "commitBytes" | "maxPendingBytes" | "eraseMs">
  > &
    OutboxOptions;
  #store = "";
  #lastId = 0;
  readonly #chains = new Map<number, ChainCounters>();
  readonly #chainIds = new Map<string, Promise<number>>();
  #epochs = new Map<number, Epoch>();
  #knownOffsetMs: number | undefined;

  #pending: Pending[] = [];
  #pendingBytes = 0;
  #firstPendingMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  #closed = false;
  /** Why the last commit failed, if it did. */
  #failure: unknown;

  #erasures: Erasure[] = [];
  #erasedRows = 0;
  #oldestErasureMs = 0;
  #eraseTimer: NodeJS.Timeout | undefined;
  #eraseNow = false;

  readonly #held = new Map<Lane, RowRange[]>();
  readonly #appendedListeners = new Set<(rows: readonly Row[]) => void>();
  readonly #resetListeners = new Set<() => void>();
  readonly #erasedListeners = new Set<() => void>();
  readonly #clockListeners = new Set<() => void>();
  readonly #stats: OutboxStats;

  private constructor(options: OutboxOptions) {
    this.#options = {
      commitMs: 10,
      commitBytes: 256 * 1024,
      maxPendingBytes: 8 * 1024 * 1024,
      eraseMs: 10_000,
      ...options,
    };
    const { path, quotaBytes, pageSize, checkpointPages, ballastBytes, bootId } = options;
    const port: PortOptions = {
      path,
      quotaBytes,
      ...(pageSize !== undefined && { pageSize }),
      ...(checkpointPages !== undefined && { checkpointPages }),
      ...(ballastBytes !== undefined && { ballastBytes }),
      ...(bootId !== undefined && { bootId }),
    };
    this.#port =
      options.thread === false
        ? new LocalPort({ ...port, monotonicMs: () => options.clock.monotonicMs() })
        : new ThreadPort(port);
    this.#port.onReset = (opened) => {
      this.#adopt(opened);
      for (const listener of this.#resetListeners) listener();
    };
    this.#stats = {
      waitingRows: 0,
      waitingSamples: 0,
      usedBytes: 0,
      quotaBytes,
      appendedRows: 0,
      appendedSamples: 0,
      evictedSamples: 0,
      refusedRows: 0,
      commits: 0,
      payloadBytes: 0,
      writtenBytes: 0,
      salvages: 0,
      lastSalvage: undefined,
      diskFull: false,
    };
  }

  /** Opens the outbox at `options.path`. A damaged file is salvaged, and that is logged, never refused. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const outbox = new Outbox(options);
    outbox.#adopt(await outbox.#port.open());
    await outbox.checkClock();
    return outbox;
  }

  #adopt(opened: Opened): void {
    this.#store = opened.store;
    this.#lastId = opened.lastId;
    this.#chains.clear();
    for (const chain of opened.chains) this.#chains.set(chain.id, chain);
    this.#setEpochs(opened.epochs);
    if (opened.salvage && opened.salvage !== this.#stats.lastSalvage) {
      this.#stats.salvages++;
      this.#stats.lastSalvage = opened.salvage;
      this.#options.log.error("the outbox file was damaged: it was salvaged", { ...opened.salvage });
    }
  }

  #setEpochs(epochs: readonly Epoch[]): void {
    this.#epochs = new Map(epochs.map((epoch) => [epoch.id, epoch]));
  }

  get store(): string {
    return this.#store;
  }

  get lastId(): number {
    return this.#lastId;
  }

  /**
   * Stores a pack. Resolves with its row's number when it is on disk; rejects with `OUTBOX_FULL`, `OUTBOX_OVERLOADED` or
   * `OUTBOX_CLOSED`, and then it is not stored.
   */
  async append(row: NewRow): Promise<number> {
    const size = row.records.length;
    if (this.#closed) throw this.#refuse("OUTBOX_CLOSED", "the outbox is closed");
    if (this.#pendingBytes + size > this.#options.maxPendingBytes) {
      throw this.#refuse("OUTBOX_OVERLOADED", `${this.#pendingBytes} bytes wait for the disk already`);
    }
    this.#pendingBytes += size;
    let chain: number;
    try {
      chain = await this.#chainId(row.plugin, row.lane);
    } catch (error) {
      this.#pendingBytes -= size;
      throw error;
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const unix = "unixMs" in row.time;
    const time = "unixMs" in row.time ? row.time.unixMs : row.time.monotonicMs;
    const draft = {
      chain,
      epoch: unix ? 0 : 1,
      time,
      samples: row.samples,
      kind: kindOf(row.lane, false),
      records: row.records,
    };
    if (this.#pending.length === 0) this.#firstPendingMs = performance.now();
    this.#pending.push({ draft, resolve, reject });
    this.#schedule();
    return promise;
  }

  #refuse(code: string, reason: string): UmecError {
    this.#stats.refusedRows++;
    return new UmecError(code, reason);
  }

  #chainId(plugin: string, lane: Lane): Promise<number> {
    const key = `${plugin} ${lane}`;
    let id = this.#chainIds.get(key);
    if (!id) {
      id = this.#port.ensureChain(plugin, lane).then((chain) => {
        if (!this.#chains.has(chain.id)) this.#chains.set(chain.id, chain);
        return chain.id;
      });
      id.catch(() => this.#chainIds.delete(key));
      this.#chainIds.set(key, id);
    }
    return id;
  }

  #schedule(): void {
    if (this.#committing || this.#pending.length === 0) return;
    if (this.#pendingBytes >= this.#options.commitBytes) {
      this.#commitSoon();
    } else if (!this.#timer) {
      const waitMs = this.#firstPendingMs + this.#options.commitMs - performance.now();
      this.#timer = setTimeout(() => this.#commitSoon(), Math.max(0, waitMs));
    }
  }

  #commitSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
      if (this.#eraseNow && this.#erasures.length > 0 && !this.#failure) this.#commitSoon();
      this.#schedule();
    });
  }

  async #commit(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    const bytes = batch.reduce((sum, { draft }) => sum + draft.records.length, 0);
    const erasures = this.#takeErasures();
    try {
      if (this.#clockChanged()) await this.checkClock();
      const committed = await this.#port.commit({
        rows: batch.map(({ draft }) => draft),
        erasures,
        held: this.#held,
      });
      this.#failure = undefined;
      this.#account(committed, bytes);
      batch.forEach(({ resolve }, i) => {
        resolve(committed.rows[i]!.row);
      });
      const appended = [...committed.rows, ...committed.gaps].map((row) => this.#toRow(row));
      appended.sort((a, b) => a.id - b.id);
      if (appended.length > 0) for (const listener of this.#appendedListeners) listener(appended);
    } catch (error) {
      this.#failure = error;
      this.#erasures.unshift(...erasures);
      this.#stats.refusedRows += batch.length;
      for (const { reject } of batch) reject(error);
    } finally {
      this.#pendingBytes -= bytes;
    }
  }

  #account(committed: Committed, bytes: number): void {
    for (const chain of committed.chains) this.#chains.set(chain.id, chain);
    this.#lastId = Math.max(
      this.#lastId,
      ...committed.rows.slice(-1).map(({ id }) => id),
      ...committed.gaps.map(({ id }) => id),
    );
    const stats = this.#stats;
    stats.commits++;
    stats.payloadBytes += bytes;
    stats.writtenBytes = committed.writtenBytes;
    stats.appendedRows += committed.rows.length;
    stats.appendedSamples += committed.rows.reduce((sum, row) => sum + row.samples, 0);
    stats.evictedSamples += committed.evictedSamples;
    stats.usedBytes = committed.usedBytes;
    if (committed.diskFull !== stats.diskFull) {
      stats.diskFull = committed.diskFull;
      if (committed.diskFull) this.#options.log.error("the disk is full: old samples make room for new ones");
      else this.#options.log.info("the disk has room again");
    }
    if (committed.evictedSamples > 0)
      this.#options.log.warn("old samples were evicted", {
        samples: committed.evictedSamples,
        of: committed.evictedOf,
      });
  }

  #toRow(row: FileRow): Row {
    const epoch = row.epoch === 0 ? undefined : this.#epochs.get(row.epoch);
    const offsetMs = row.epoch === 0 ? 0 : epoch?.offsetMs;
    return {
      id: row.id,
      chain: row.chain,
      row: row.row,
      samples: row.samples,
      timeMs: offsetMs === undefined || offsetMs === null ? undefined : offsetMs + row.time,
      timeEstimated: epoch?.estimated ?? false,
      gap: isGapKind(row.kind),
      records: row.records,
    };
  }

  /** Looks at the wall clock; to be called when it may have become known. Commits look by themselves. */
  async checkClock(): Promise<void> {
    if (!this.#clockChanged()) return;
    const { clock, log } = this.#options;
    const offsetMs = clock.nowMs() - clock.monotonicMs();
    const stepMs = this.#knownOffsetMs === undefined ? undefined : Math.round(offsetMs - this.#knownOffsetMs);
    this.#knownOffsetMs = offsetMs;
    this.#setEpochs(await this.#port.setClock(offsetMs));
    if (stepMs !== undefined) log.warn("the wall clock stepped", { stepMs });
    for (const listener of this.#clockListeners) listener();
  }

  #clockChanged(): boolean {
    const { clock } = this.#options;
    if (!clock.known()) return false;
    const offsetMs = clock.nowMs() - clock.monotonicMs();
    return this.#knownOffsetMs === undefined || Math.abs(offsetMs - this.#knownOffsetMs) > clockStepMs;
  }

  chain(id: number): ChainState {
    const chain = this.#chains.get(id);
    if (!chain) throw new UmecError("OUTBOX_NO_CHAIN", `no chain ${id}`);
    const erased = this.#erasures.filter((erasure) => erasure.chain === id);
    const rows = erased.reduce((sum, erasure) => sum + erasure.rows, 0);
    const samples = erased.reduce((sum, erasure) => sum + erasure.samples, 0);
    const { plugin, lane, nextRow, sent } = chain;
    return {
      id,
      plugin,
      lane,
      nextRow,
      sent,
      waitingRows: Math.max(0, chain.rows - rows),
      waitingSamples: Math.max(0, chain.samples - samples),
    };
  }

  chains(): readonly ChainState[] {
    return [...this.#chains.keys()].map((id) => this.chain(id));
  }

  async read(lane: Lane, afterId: number, maxBytes: number): Promise<Row[]> {
    return (await this.#port.read(lane, afterId, maxBytes)).map((row) => this.#toRow(row));
  }

  erase(erasure: Erasure): void {
    if (this.#erasures.length === 0) this.#oldestErasureMs = performance.now();
    const last = this.#erasures.at(-1);
    // Mostly one chain drains: its frames follow each other.
    if (last?.chain === erasure.chain) {
      this.#erasures[this.#erasures.length - 1] = {
        ...last,
        ids: joinRuns(last.ids, erasure.ids),
        rows: last.rows + erasure.rows,
        samples: last.samples + erasure.samples,
        ...(erasure.doneRow !== undefined && { doneRow: Math.max(last.doneRow ?? 0, erasure.doneRow) }),
      };
    } else {
      this.#erasures.push(erasure);
    }
    this.#erasedRows += erasure.rows;
    for (const listener of this.#erasedListeners) listener();
    if (this.#erasedRows >= eraseRows) this.#requestErase();
    else this.#eraseTimer ??= setTimeout(() => this.#requestErase(), this.#options.eraseMs);
  }

  #requestErase(): void {
    this.#eraseNow = true;
    if (!this.#committing) this.#commitSoon();
  }

  #takeErasures(): Erasure[] {
    const due =
      this.#eraseNow ||
      performance.now() - this.#oldestErasureMs > this.#options.eraseMs ||
      this.#stats.usedBytes > nearlyFull * this.#options.quotaBytes;
    if (!due) return [];
    const taken = this.#erasures;
    this.#erasures = [];
    this.#erasedRows = 0;
    this.#eraseNow = false;
    clearTimeout(this.#eraseTimer);
    this.#eraseTimer = undefined;
    return taken;
  }

  verify(afterId: number): Promise<void> {
    return this.#port.verify(afterId);
  }

  async markSent(chain: number, range: RowRange): Promise<void> {
    await this.#port.markSent(chain, range);
    this.#chains.get(chain)?.sent.push(range);
  }

  async flush(): Promise<void> {
    while (this.#erasures.length > 0 || this.#committing) {
      this.#eraseNow = this.#erasures.length > 0;
      this.#commitSoon();
      await this.#committing;
      if (this.#failure && this.#erasures.length > 0) throw this.#failure;
    }
  }

  async giveUp(row: Row, reason: "too-large"): Promise<void> {
    const { id, chain, row: number, samples } = row;
    const gap = await this.#port.giveUp({ id, chain, row: number, samples }, reason);
    this.#tell(gap, { rows: 1, samples });
  }

  async fence(chain: number): Promise<void> {
    this.#tell(await this.#port.fence(chain), { rows: 0, samples: 0 });
  }

  async disown(reason: string): Promise<void> {
    this.#options.log.error("the outbox file is older than what the hub has of it: it gets a new identity", {
      reason,
    });
    await this.#port.disown();
  }

  /** A row that was appended by another way than a commit, in the place of what is gone. */
  #tell(appended: FileRow, gone: { rows: number; samples: number }): void {
    this.#lastId = Math.max(this.#lastId, appended.id);
    const chain = this.#chains.get(appended.chain);
    if (chain) {
      chain.nextRow = Math.max(chain.nextRow, appended.row + 1);
      chain.rows += 1 - gone.rows;
      chain.samples += appended.samples - gone.samples;
    }
    for (const listener of this.#appendedListeners) listener([this.#toRow(appended)]);
  }

  protect(lane: Lane, ranges: readonly RowRange[]): void {
    this.#held.set(lane, [...ranges]);
  }

  onAppended(listener: (rows: readonly Row[]) => void): () => void {
    this.#appendedListeners.add(listener);
    return () => this.#appendedListeners.delete(listener);
  }

  /** The hub has stored rows, or they were given up: fewer wait. */
  onErased(listener: () => void): () => void {
    this.#erasedListeners.add(listener);
    return () => this.#erasedListeners.delete(listener);
  }

  onReset(listener: () => void): () => void {
    this.#resetListeners.add(listener);
    return () => this.#resetListeners.delete(listener);
  }

  onClock(listener: () => void): () => void {
    this.#clockListeners.add(listener);
    return () => this.#clockListeners.delete(listener);
  }

  stats(): OutboxStats {
    const chains = this.chains();
    return {
      ...this.#stats,
      waitingRows: chains.reduce((sum, chain) => sum + chain.waitingRows, 0),
      waitingSamples: chains.reduce((sum, chain) => sum + chain.waitingSamples, 0),
    };
  }

  /** Changes what may change while it runs. A smaller quota takes effect with the next commit. */
  async configure(change: Pick<OutboxOptions, "quotaBytes" | "commitMs" | "commitBytes">): Promise<void> {
    Object.assign(this.#options, change);
    this.#stats.quotaBytes = this.#options.quotaBytes;
    await this.#port.setQuota(this.#options.quotaBytes);
  }

  /** Commits what waits, writes the erasures, closes the file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#eraseTimer);
    while (this.#pending.length > 0 || this.#erasures.length > 0 || this.#committing) {
      this.#eraseNow = true;
      this.#commitSoon();
      await this.#committing;
      // What could not be erased is found out from the hub again.
      if (this.#failure) break;
    }
    await this.#port.close();
  }
}

function joinRuns(runs: readonly RowRange[], more: readonly RowRange[]): RowRange[] {
  const joined = [...runs];
  for (const run of more) {
    const last = joined.at(-1);
    if (last && run.first === last.last + 1)
      joined[joined.length - 1] = { first: last.first, last: run.last };
    else joined.push(run);
  }
  return joined;
}
