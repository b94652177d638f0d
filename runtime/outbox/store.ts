/**
 * The outbox file: rows in the order of their arrival, one SQLite table for each lane.
 *
 * What it promises: what `append` returned is on disk (one transaction, one fsync of the log); ids and row
 * numbers go up and are never used twice; reading verifies each row's CRC-32.
 *
 * How: a lane's table is appended at its end and erased mostly at its front, so a commit touches few pages and
 * an erased leaf page is freed without being written again. There is no index beside the primary key: chains
 * are told apart while reading in order of id. Counters (next row, rows and samples waiting) live in memory;
 * the `chain` table holds a snapshot of them, taken in the same transaction as every erasure and at the latest
 * after `snapshotRows` appends, with `meta.snapshotId` saying up to which id it counts. Opening reads the
 * snapshot and scans only the rows behind it: 10 million waiting rows open as fast as ten.
 *
 * After a crash SQLite rolls back the torn transaction. An erasure that was not yet on disk comes back as
 * waiting rows; the link finds out from the hub that these are stored (../frame.ts), and erases them again.
 *
 * Synchronous, for a thread of its own: an fsync on an SD card may take 100 ms.
 */
import Database from "better-sqlite3";
import { type Gap, generationSize } from "../frame.ts";
import type { Lane } from "../plugin/contract.ts";
import { isLane, lanes } from "../subjects.ts";
import { corrupt } from "./errors.ts";
import type { Label } from "./label.ts";
import { checksum, type FileRow, isGapKind, kindOf } from "./row.ts";
import { migrate, prepare } from "./schema.ts";
import type { Erasure, RowRange } from "./types.ts";

export interface StoreOptions {
  /** Pages in use beyond this are freed by evicting rows. */
  quotaBytes: number;
  /** @default 4096, the block of the file systems and flash that we meet */
  pageSize?: number;
  /** Length of the log that makes SQLite move it into the file. @default 1000 pages, as SQLite's own */
  checkpointPages?: number;
}

/** A chain's counters. */
export interface ChainCounters {
  id: number;
  plugin: string;
  lane: Lane;
  nextRow: number;
  doneRow: number;
  rows: number;
  samples: number;
  /** Bytes of records that wait, in memory only; `undefined` until {@link Store.weigh}. Near enough, not exact. */
  bytes?: number;
  sent: RowRange[];
}

/** A row to be appended; the store gives it its id, row number and checksum. */
export type Draft = Omit<FileRow, "id" | "row" | "crc">;

export interface Epoch {
  id: number;
  boot: string;
  /** Unix time at monotonic time 0 in milliseconds; `null`: not known. */
  offsetMs: number | null;
  /** The latest monotonic time of a row in it, as of the last snapshot. */
  lastMs: number;
  estimated: boolean;
}

const snapshotRows = 4096;
const columns = "id, chain, row, epoch, time, samples, kind, crc, records";

export class Store {
  readonly #db: Database.Database;
  readonly #pageSize: number;
  readonly #checkpointPages: number;
  readonly #chains = new Map<number, ChainCounters>();
  readonly #insert: Record<Lane, Database.Statement>;
  readonly #read: Record<Lane, Database.Statement>;
  readonly #delete: Record<Lane, Database.Statement>;
  #nextId = 1;
  #snapshotId = 0;
  #weighed = false;

  private constructor(db: Database.Database, options: StoreOptions) {
    this.#db = db;
    this.#pageSize = options.pageSize ?? 4096;
    this.#checkpointPages = options.checkpointPages ?? 1000;
    prepare(db, { pageSize: this.#pageSize, checkpointPages: this.#checkpointPages });
    migrate(db);
    const perLane = (sql: (lane: Lane) => string): Record<Lane, Database.Statement> => ({
      alarm: db.prepare(sql("alarm")),
      telemetry: db.prepare(sql("telemetry")),
      bulk: db.prepare(sql("bulk")),
    });
    this.#insert = perLane((lane) => `INSERT INTO ${lane} (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#read = perLane((lane) => `SELECT ${columns} FROM ${lane} WHERE id > ? AND id < ? ORDER BY id`);
    this.#delete = perLane((lane) => `DELETE FROM ${lane} WHERE id BETWEEN ? AND ?`);
  }

  /**
   * Opens or makes the file at `path` for the store that `label` names.
   * Throws SQLite's own errors; `isDamage` tells those that mean that the file must be salvaged.
   */
  static open(path: string, label: Label, options: StoreOptions): Store {
    // Nobody else has business with the file: whoever holds it will not let go in a moment.
    const db = new Database(path, { timeout: 200 });
    try {
      const store = new Store(db, options);
      store.#load(label);
      return store;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  #load(label: Label): void {
    const known = this.meta("store");
    if (known === undefined) {
      this.#db.transaction(() => {
        this.setMeta("store", label.store);
        this.setMeta("generation", label.generation);
        // Ids go on above those of an earlier file, so that rows carried over from it come first.
        this.setMeta("nextId", label.generation * generationSize + 1);
      })();
    }
    this.#loadNumbers();
    for (const chain of this.#db.prepare("SELECT * FROM chain").all() as (ChainCounters & {
      lane: string;
    })[]) {
      if (!isLane(chain.lane)) throw corrupt(`chain ${chain.id} has lane ${chain.lane}`);
      this.#chains.set(chain.id, { ...chain, sent: [] });
    }
    for (const { chain, first, last } of this.#db.prepare("SELECT * FROM sent").all() as (RowRange & {
      chain: number;
    })[]) {
      this.#chains.get(chain)?.sent.push({ first, last });
    }
    for (const lane of lanes) this.#countTail(lane);
  }

  #loadNumbers(): void {
    const generation = this.meta("generation");
    const nextId = this.meta("nextId");
    const snapshotId = this.meta("snapshotId") ?? 0;
    if (!isGeneration(generation)) throw corrupt(`the generation is ${generation}`);
    if (typeof nextId !== "number" || Math.floor((nextId - 1) / generationSize) !== generation) {
      throw corrupt(`the next id is ${nextId}, in generation ${generation}`);
    }
    if (typeof snapshotId !== "number" || snapshotId >= nextId)
      throw corrupt(`the snapshot ends at ${snapshotId}`);
    this.#nextId = nextId;
    this.#snapshotId = snapshotId;
  }

  #countTail(lane: Lane): void {
    const tail = this.#db
      .prepare(
        `SELECT chain, count(*) AS rows, sum(samples) AS samples, max(row) AS lastRow, max(id) AS lastId FROM ${lane} WHERE id > ? GROUP BY chain`,
      )
      .all(this.#snapshotId) as {
      chain: number;
      rows: number;
      samples: number;
      lastRow: number;
      lastId: number;
    }[];
    for (const { chain, rows, samples, lastRow, lastId } of tail) {
      const counters = this.#chains.get(chain);
      if (!counters) throw corrupt(`row ${lastId} belongs to chain ${chain}, which is not there`);
      counters.rows += rows;
      counters.samples += samples;
      counters.nextRow = Math.max(counters.nextRow, lastRow + 1);
      this.#nextId = Math.max(this.#nextId, lastId + 1);
    }
  }

  get lastId(): number {
    return this.#nextId - 1;
  }

  /** Pages in use, in bytes. */
  get usedBytes(): number {
    const pages = this.#pragma("page_count") - this.#pragma("freelist_count");
    return pages * this.#pageSize;
  }

  #pragma(name: string): number {
    return this.#db.pragma(name, { simple: true }) as number;
  }

  chains(): ChainCounters[] {
    return [...this.#chains.values()].map((chain) => ({ ...chain, sent: [...chain.sent] }));
  }

  /** The chain of a plugin's lane, made if need be. */
  ensureChain(plugin: string, lane: Lane): ChainCounters {
    for (const chain of this.#chains.values())
      if (chain.plugin === plugin && chain.lane === lane) return chain;
    const firstRow = Number(this.meta("generation")) * generationSize + 1;
    const id = Math.max(0, ...this.#chains.keys()) + 1;
    return this.addChain({
      id,
      plugin,
      lane,
      nextRow: firstRow,
      doneRow: firstRow - 1,
      rows: 0,
      samples: 0,
      sent: [],
    });
  }

  addChain(chain: ChainCounters): ChainCounters {
    this.#db
      .prepare(
        "INSERT INTO chain (id, plugin, lane, nextRow, doneRow, rows, samples) VALUES (?, ?, ?, ?, ?, 0, 0)",
      )
      .run(chain.id, chain.plugin, chain.lane, chain.nextRow, chain.doneRow);
    this.#chains.set(chain.id, chain);
    return chain;
  }

  /** Runs `work` as one durable transaction; what it did to the counters is undone if it fails. */
  transaction<T>(work: () => T): T {
    const nextId = this.#nextId;
    const snapshotId = this.#snapshotId;
    const chains = structuredClone([...this.#chains]);
    try {
      return this.#db.transaction(work).immediate();
    } catch (error) {
      this.#nextId = nextId;
      this.#snapshotId = snapshotId;
      this.#chains.clear();
      for (const [id, chain] of chains) this.#chains.set(id, chain);
      this.#weighed = false;
      throw error;
    }
  }

  /** Appends inside the present transaction; returns the row with its numbers. */
  append(draft: Draft): FileRow {
    const chain = this.#counters(draft.chain);
    const row: FileRow = { ...draft, id: this.#nextId, row: chain.nextRow, crc: 0 };
    this.#insertAsIs(row, chain.lane);
    this.#nextId++;
    chain.nextRow++;
    chain.rows++;
    chain.samples += row.samples;
    if (this.#weighed) chain.bytes = (chain.bytes ?? 0) + row.records.length;
    if (this.#nextId - this.#snapshotId > snapshotRows) this.#snapshot();
    return row;
  }

  #insertAsIs(row: FileRow, lane: Lane): void {
    row.crc = checksum(row);
    const { id, chain, row: number, epoch, time, samples, kind, crc, records } = row;
    this.#insert[lane].run(id, chain, number, epoch, time, samples, kind, crc, records);
  }

  /**
   * Carries a salvaged row over with the numbers that it has; counters are the caller's matter.
   * Returns false when a row with this id is there already.
   */
  carry(row: FileRow, lane: Lane): boolean {
    if (this.read(lane, row.id - 1, 1, row.id + 1).length > 0) return false;
    this.#insertAsIs(row, lane);
    return true;
  }

  nextRow(chain: number): number {
    return this.#counters(chain).nextRow;
  }

  #counters(id: number): ChainCounters {
    const chain = this.#chains.get(id);
    if (!chain) throw corrupt(`no chain ${id}`);
    return chain;
  }

  /** Rows with `afterId < id < beforeId`, oldest first, until `maxBytes` of records are exceeded; at least one. */
  read(lane: Lane, afterId: number, maxBytes: number, beforeId = Number.MAX_SAFE_INTEGER): FileRow[] {
    return this.#collect(lane, afterId, maxBytes, this.#read[lane].iterate(afterId, beforeId));
  }

  /** As `read`, of one chain. Passes over all others' rows in between. */
  readChain(chain: number, afterId: number, maxBytes: number, beforeId: number): FileRow[] {
    const { lane } = this.#counters(chain);
    const sql = `SELECT ${columns} FROM ${lane} WHERE id > ? AND id < ? AND chain = ? ORDER BY id`;
    return this.#collect(lane, afterId, maxBytes, this.#db.prepare(sql).iterate(afterId, beforeId, chain));
  }

  #collect(lane: Lane, afterId: number, maxBytes: number, found: IterableIterator<unknown>): FileRow[] {
    const rows: FileRow[] = [];
    let bytes = 0;
    let lastId = afterId;
    for (const row of found as IterableIterator<FileRow>) {
      if (row.crc !== checksum(row)) throw corrupt(`row ${row.id} of ${lane} has a wrong checksum`, row);
      if (row.id <= lastId) throw corrupt(`row ${row.id} of ${lane} comes behind row ${lastId}`, row);
      lastId = row.id;
      rows.push(row);
      bytes += row.records.length;
      if (bytes >= maxBytes) break;
    }
    return rows;
  }

  /**
   * Erases inside the present transaction; returns how many rows went. Ids that are gone already count for
   * nothing.
   */
  erase(erasure: Erasure): number {
    const chain = this.#counters(erasure.chain);
    let gone = 0;
    for (const { first, last } of erasure.ids) gone += this.#delete[chain.lane].run(first, last).changes;
    // The rows' own sizes are not known here; the mean corrects itself, as an empty chain has no bytes.
    if (chain.bytes !== undefined) chain.bytes *= Math.max(0, 1 - gone / Math.max(1, chain.rows));
    chain.rows -= gone;
    chain.samples -= gone === erasure.rows ? erasure.samples : 0;
    if (chain.rows <= 0) chain.samples = 0;
    if (erasure.doneRow !== undefined) chain.doneRow = Math.max(chain.doneRow, erasure.doneRow);
    const obsolete = chain.sent.filter((range) => range.last <= chain.doneRow);
    if (obsolete.length > 0) {
      chain.sent = chain.sent.filter((range) => range.last > chain.doneRow);
      this.#db.prepare("DELETE FROM sent WHERE chain = ? AND last <= ?").run(chain.id, chain.doneRow);
    }
    return gone;
  }

  /** Bytes of records that each plugin has waiting. The first time it reads the whole file, later it knows. */
  weigh(): Map<string, number> {
    if (!this.#weighed) {
      for (const chain of this.#chains.values()) chain.bytes = 0;
      for (const lane of lanes) {
        const sql = `SELECT chain, sum(length(records)) AS bytes FROM ${lane} GROUP BY chain`;
        for (const { chain, bytes } of this.#db.prepare(sql).all() as { chain: number; bytes: number }[])
          this.#counters(chain).bytes = bytes;
      }
      this.#weighed = true;
    }
    const weights = new Map<string, number>();
    for (const { plugin, bytes = 0 } of this.#chains.values())
      weights.set(plugin, (weights.get(plugin) ?? 0) + bytes);
    return weights;
  }

  /** Ends a transaction that erased: the counters on disk are those of what is left. */
  snapshot(): void {
    this.#snapshot();
  }

  #snapshot(): void {
    const update = this.#db.prepare(
      "UPDATE chain SET nextRow = ?, doneRow = ?, rows = ?, samples = ? WHERE id = ?",
    );
    for (const c of this.#chains.values()) update.run(c.nextRow, c.doneRow, c.rows, c.samples, c.id);
    this.#snapshotId = this.lastId;
    this.setMeta("snapshotId", this.#snapshotId);
    this.setMeta("nextId", this.#nextId);
  }

  /**
   * Compares the counters with what lies behind `afterId`, all before being read and erased. A damaged page
   * header can hide rows without SQLite noticing: then the two differ, and this throws `OUTBOX_CORRUPT`.
   */
  verify(afterId: number): void {
    for (const lane of lanes) {
      const sql = `SELECT chain, count(*) AS rows FROM ${lane} WHERE id > ? GROUP BY chain`;
      const found = new Map(
        (this.#db.prepare(sql).all(afterId) as { chain: number; rows: number }[]).map((c) => [
          c.chain,
          c.rows,
        ]),
      );
      for (const chain of this.#chains.values()) {
        const rows = found.get(chain.id) ?? 0;
        if (chain.lane === lane && chain.rows !== rows) {
          throw corrupt(`${chain.rows} rows of ${chain.plugin} should wait in ${lane}, ${rows} are there`);
        }
      }
    }
  }

  addSent(chainId: number, range: RowRange): void {
    this.#counters(chainId).sent.push(range);
    this.#db
      .prepare("INSERT INTO sent (chain, first, last) VALUES (?, ?, ?)")
      .run(chainId, range.first, range.last);
  }

  forgetSent(): void {
    this.#db.exec("DELETE FROM sent");
    for (const chain of this.#chains.values()) chain.sent = [];
  }

  /** Writes `gap` over the gap record with this id, if it is still there. */
  rewriteGap(lane: Lane, id: number, merge: (old: Gap) => Gap): boolean {
    const [row] = this.read(lane, id - 1, 1, id + 1);
    if (!row || !isGapKind(row.kind)) return false;
    row.records = encodeGap(merge(decodeGap(row.records)));
    this.#db
      .prepare(`UPDATE ${lane} SET records = ?, crc = ? WHERE id = ?`)
      .run(row.records, checksum(row), id);
    return true;
  }

  appendGap(chainId: number, gap: Gap, epoch: number, time: number): FileRow {
    const kind = kindOf(this.#counters(chainId).lane, true);
    return this.append({ chain: chainId, epoch, time, samples: 1, kind, records: encodeGap(gap) });
  }

  epochs(): Epoch[] {
    return readEpochs(this.#db).map((epoch) => {
      if (!epoch) throw corrupt("a row of the table epoch is none of ours");
      return epoch;
    });
  }

  putEpoch(epoch: Epoch): void {
    this.#db
      .prepare("INSERT OR REPLACE INTO epoch (id, boot, offsetMs, lastMs, estimated) VALUES (?, ?, ?, ?, ?)")
      .run(epoch.id, epoch.boot, epoch.offsetMs, epoch.lastMs, epoch.estimated ? 1 : 0);
  }

  meta(key: string): unknown {
    return this.#db.prepare("SELECT value FROM meta WHERE key = ?").pluck().get(key);
  }

  setMeta(key: string, value: string | number): void {
    this.#db
      .prepare("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
      .run(key, value);
  }

  /**
   * What a damaged file can still say of itself; parts that can't be read are left out. Never throws.
   */
  static peek(path: string): {
    store?: string;
    generation?: number;
    chains: ChainCounters[];
    epochs: Epoch[];
  } {
    const found: ReturnType<typeof Store.peek> = { chains: [], epochs: [] };
    let db: Database.Database | undefined;
    const attempt = (read: (db: Database.Database) => void): void => {
      try {
        // Read-only: closing it must neither move the log into the file nor drop what SQLite does not trust.
        db ??= new Database(path, { fileMustExist: true, readonly: true });
        read(db);
      } catch {
        // damaged: the other parts may be well
      }
    };
    const meta = "SELECT value FROM meta WHERE key = ?";
    attempt((db) => {
      const store = db.prepare(meta).pluck().get("store");
      if (typeof store === "string" && /^[0-9a-f]{16}$/.test(store)) found.store = store;
    });
    attempt((db) => {
      const generation = db.prepare(meta).pluck().get("generation");
      if (isGeneration(generation)) found.generation = generation;
    });
    attempt((db) => {
      for (const chain of db.prepare("SELECT * FROM chain").all() as (ChainCounters & { lane: string })[]) {
        if (isLane(chain.lane)) found.chains.push({ ...chain, sent: [] });
      }
    });
    attempt((db) => {
      for (const { chain, first, last } of db.prepare("SELECT * FROM sent").all() as (RowRange & {
        chain: number;
      })[]) {
        found.chains.find(({ id }) => id === chain)?.sent.push({ first, last });
      }
    });
    attempt((db) => {
      found.epochs = readEpochs(db).filter((epoch) => epoch !== undefined);
    });
    db?.close();
    return found;
  }

  /** Moves the log into the file; frees the log's space. */
  checkpoint(): void {
    this.#db.pragma("wal_checkpoint(TRUNCATE)");
  }

  close(): void {
    this.#db.close();
  }
}

/** A damaged page may have cells that nobody wrote, which SQLite reads as rows of NULL: these are `undefined`. */
function readEpochs(db: Database.Database): (Epoch | undefined)[] {
  const rows = db.prepare("SELECT id, boot, offsetMs, lastMs, estimated FROM epoch ORDER BY id").all();
  return (rows as (Omit<Epoch, "estimated"> & { estimated: number })[]).map((e) => {
    if (typeof e.id !== "number" || typeof e.boot !== "string" || typeof e.lastMs !== "number")
      return undefined;
    return { ...e, estimated: e.estimated === 1 };
  });
}

/** Beyond the last one, numbers would not be exact any more. */
function isGeneration(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 8_000;
}

function encodeGap(gap: Gap): Uint8Array {
  return Buffer.from(JSON.stringify(gap));
}

export function decodeGap(records: Uint8Array): Gap {
  return JSON.parse(Buffer.from(records).toString());
}
