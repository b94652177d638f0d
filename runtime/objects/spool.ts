/**
 * The spool: objects that wait for the hub, as files in one directory (mode 0700) of the data partition.
 *
 * What it promises:
 * 1. **A `put` that resolved is on disk.** `<number>.body` is written and synced, then `<number>.json` beside its
 *    place, synced and renamed, then the directory. An object is there when its `.json` is; what a power cut leaves
 *    half-done is removed at the next start.
 * 2. **Bounded.** An object counts with its body in whole blocks and one block more. When the quota is full, or the
 *    disk is, the oldest go first, and each that goes unsent is told to `onLost`. At most {@link mostUnderWay} puts
 *    wait for the disk, one after another.
 * 3. **A damaged object harms no other**: it is removed and told, at the start or when it is read.
 *
 * The body's digest is in the `.json`, so that what the flash forgot is found before it is sent (uploader.ts). Bodies
 * are read in pieces; none is held in memory once it is on disk.
 */
import { createHash } from "node:crypto";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { nuid } from "@nats-io/nats-core";
import type { Clock } from "../clock.ts";
import { makePrivateDirectory, syncDirectory, writeSynced } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { StoredObject } from "../plugin/contract.ts";
import { checkObject } from "./check.ts";
import { type Entry, formatEntry, parseEntry } from "./entry.ts";
import type { LostObject, ObjectsStats } from "./types.ts";

export interface SpoolOptions {
  /** Made with the first object; belongs to this spool alone. */
  dir: string;
  quotaBytes: number;
  clock: Clock;
  /** This boot, as the kernel names it. */
  bootId: string;
  log: Log;
  onLost: (lost: LostObject) => void;
  /** How bytes get to the disk. @default `writeSynced` */
  write?: (path: string, content: string | Uint8Array) => Promise<void>;
}

/** Of ext4; the `.json` takes one. */
const blockBytes = 4096;
const mostUnderWay = 8;

export class Spool {
  readonly #options: SpoolOptions;
  readonly #write: (path: string, content: string | Uint8Array) => Promise<void>;
  /** Oldest first. */
  readonly #entries = new Map<number, Entry>();
  readonly #listeners = new Set<() => void>();
  #quotaBytes: number;
  #usedBytes = 0;
  #lastNumber = 0;
  #underWay = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #stored = 0;
  #sent = 0;
  #sentBytes = 0;
  #lost = 0;

  private constructor(options: SpoolOptions) {
    this.#options = options;
    this.#write = options.write ?? writeSynced;
    this.#quotaBytes = options.quotaBytes;
  }

  /** Takes over what an earlier process has left. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await spool.#load();
    await spool.#inTurn(() => spool.#makeRoom(0));
    return spool;
  }

  /** Resolves when the object is on disk. Rejects with `OBJECT_INVALID`, `OBJECT_FAILED` or the signal's reason. */
  async put(plugin: string, object: StoredObject, signal?: AbortSignal): Promise<void> {
    checkObject(object);
    const size = costOf(object.body.length);
    if (size > this.#quotaBytes)
      throw new UmecError(
        "OBJECT_FAILED",
        `${object.name}: larger than the quota of ${this.#quotaBytes} bytes`,
      );
    if (this.#underWay >= mostUnderWay)
      throw new UmecError("OBJECT_FAILED", `${mostUnderWay} objects wait for the disk: slow down`);
    this.#underWay++;
    try {
      await this.#inTurn(() => {
        signal?.throwIfAborted();
        return this.#put(plugin, object);
      });
    } finally {
      this.#underWay--;
    }
    for (const listener of [...this.#listeners]) listener();
  }

  oldest(): Entry | undefined {
    return this.#entries.values().next().value;
  }

  has(entry: Entry): boolean {
    return this.#entries.get(entry.number) === entry;
  }

  /** Piece by piece the body from `at` on. @throws what the file system says */
  async *pieces(entry: Entry, pieceBytes: number, at = 0): AsyncGenerator<Uint8Array> {
    const file = await open(this.#path(entry.number, "body"), "r");
    try {
      for (let position = at; position < entry.size; position += pieceBytes) {
        const piece = Buffer.alloc(Math.min(pieceBytes, entry.size - position));
        const { bytesRead } = await file.read(piece, 0, piece.length, position);
        if (bytesRead !== piece.length) throw new Error(`the body ends after ${position + bytesRead} bytes`);
        yield piece;
      }
    } finally {
      await file.close();
    }
  }

  /** Whether the body is what was kept. */
  async isWhole(entry: Entry): Promise<boolean> {
    const hash = createHash("sha256");
    try {
      for await (const piece of this.pieces(entry, 2 ** 18)) hash.update(piece);
    } catch {
      return false;
    }
    return hash.digest("hex") === entry.sha256;
  }

  /** The hub has it. */
  async sent(entry: Entry): Promise<void> {
    if (!this.has(entry)) return;
    this.#sent++;
    this.#sentBytes += entry.size;
    await this.#inTurn(() => this.#remove(entry));
  }

  /** It can't be sent. */
  async giveUp(entry: Entry, reason: LostObject["reason"]): Promise<void> {
    await this.#inTurn(() => this.#lose(entry, reason));
  }

  /** Gives its chunks a new name at the hub. On disk when resolved. */
  async rename(entry: Entry): Promise<void> {
    entry.nuid = nuid.next();
    await this.#inTurn(async () => {
      if (this.has(entry)) await this.#writeEntry(entry);
    });
  }

  async configure({ quotaBytes }: { quotaBytes: number }): Promise<void> {
    this.#quotaBytes = quotaBytes;
    await this.#inTurn(() => this.#makeRoom(0));
  }

  /** Calls `listener` after each object that was kept; returns the function that ends it. */
  onKept(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stats(): ObjectsStats {
    return {
      waiting: this.#entries.size,
      usedBytes: this.#usedBytes,
      quotaBytes: this.#quotaBytes,
      stored: this.#stored,
      sent: this.#sent,
      sentBytes: this.#sentBytes,
      lost: this.#lost,
    };
  }

  /** Resolves when nothing is being written. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {});
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #put(plugin: string, { name, contentType, body, timeMs }: StoredObject): Promise<void> {
    const { clock, bootId } = this.#options;
    const known = timeMs ?? (clock.known() ? clock.nowMs() : undefined);
    const entry: Entry = {
      number: ++this.#lastNumber,
      nuid: nuid.next(),
      plugin,
      name,
      contentType,
      size: body.length,
      sha256: createHash("sha256").update(body).digest("hex"),
      time:
        known === undefined
          ? { boot: bootId, monotonicMs: clock.monotonicMs(), guessMs: clock.nowMs() }
          : { unixMs: known },
    };
    await this.#makeRoom(costOf(entry.size));
    for (;;) {
      try {
        await makePrivateDirectory(this.#options.dir);
        await this.#write(this.#path(entry.number, "body"), body);
        await this.#writeEntry(entry);
        break;
      } catch (cause) {
        await this.#unlink(entry.number).catch(() => {});
        const oldest = this.oldest();
        if ((cause as NodeJS.ErrnoException).code === "ENOSPC" && oldest) {
          await this.#lose(oldest, "disk-full");
          continue;
        }
        throw new UmecError("OBJECT_FAILED", `${name} can't be kept: ${messageOf(cause)}`, { cause });
      }
    }
    this.#entries.set(entry.number, entry);
    this.#usedBytes += costOf(entry.size);
    this.#stored++;
  }

  async #writeEntry(entry: Entry): Promise<void> {
    const path = this.#path(entry.number, "json");
    await this.#write(`${path}.new`, formatEntry(entry));
    await rename(`${path}.new`, path);
    await syncDirectory(this.#options.dir);
  }

  async #makeRoom(bytes: number): Promise<void> {
    for (let oldest = this.oldest(); oldest; oldest = this.oldest()) {
      if (this.#usedBytes + bytes <= this.#quotaBytes) return;
      await this.#lose(oldest, "quota");
    }
  }

  async #lose(entry: Entry, reason: LostObject["reason"]): Promise<void> {
    if (!this.has(entry)) return;
    await this.#remove(entry);
    const { plugin, name, size: bytes } = entry;
    this.#tell({ plugin, name, bytes, reason });
  }

  #tell(lost: LostObject): void {
    this.#lost++;
    this.#options.log.warn(`an object of ${lost.plugin} is lost: ${lost.name}`, { ...lost });
    this.#options.onLost(lost);
  }

  async #remove(entry: Entry): Promise<void> {
    this.#entries.delete(entry.number);
    this.#usedBytes -= costOf(entry.size);
    try {
      await this.#unlink(entry.number);
    } catch (error) {
      this.#options.log.warn(`an object's files can't be removed: ${messageOf(error)}`, { name: entry.name });
    }
  }

  /** The `.json` first: a body without one is nothing. */
  async #unlink(number: number): Promise<void> {
    for (const kind of ["json", "json.new", "body"] as const) {
      await rm(this.#path(number, kind), { force: true });
    }
  }

  #path(number: number, kind: "json" | "json.new" | "body"): string {
    return join(this.#options.dir, `${String(number).padStart(12, "0")}.${kind}`);
  }

  async #load(): Promise<void> {
    const names = await readdir(this.#options.dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [] as string[];
      throw error;
    });
    const numbers = new Set(names.map((name) => Number(/^(\d+)\./.exec(name)?.[1] ?? 0)));
    for (const number of [...numbers].filter((number) => number > 0).sort((a, b) => a - b)) {
      this.#lastNumber = number;
      await this.#loadOne(number, names.includes(`${String(number).padStart(12, "0")}.json`));
    }
  }

  async #loadOne(number: number, complete: boolean): Promise<void> {
    if (!complete) return this.#unlink(number);
    let entry: Entry;
    try {
      entry = parseEntry(number, await readFile(this.#path(number, "json"), "utf8"));
    } catch (error) {
      // Whose it was is not known.
      this.#lost++;
      this.#options.log.error(`an object is lost: ${this.#path(number, "json")}: ${messageOf(error)}`, {
        code: "OBJECT_DAMAGED",
      });
      return this.#unlink(number);
    }
    const { plugin, name, size: bytes } = entry;
    const body = await stat(this.#path(number, "body")).catch(() => undefined);
    if (body?.size !== bytes) {
      await this.#unlink(number);
      this.#tell({ plugin, name, bytes, reason: "damaged" });
      return;
    }
    this.#entries.set(number, entry);
    this.#usedBytes += costOf(bytes);
  }
}

function costOf(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes + blockBytes;
}
