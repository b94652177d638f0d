/**
 * The hub's own audit trail: who has told this hub to change something, and what came of it.
 *
 * What it promises:
 * 1. **What changes something is entered before it is done** (`asked`), and with what came of it before it is answered.
 *    What can't be entered, on a full disk for one, is not done. An `asked` without its result means that the hub died.
 * 2. **Nothing is changed in silence**: entries are numbered without holes, and each names the hash of the one before, so a
 *    line that was altered or taken out from between shows. Who can write the hub's directory can write all of it anew:
 *    against the hub's own user nothing in there holds. Copy it elsewhere for that.
 * 3. **It is bounded**: a file of 4 MiB is put aside as `audit-<its first number>.jsonl`, and of those the newest 8 stay;
 *    that is about 150,000 entries.
 *
 * Format: `audit.jsonl`, mode 0600, one JSON object a line: `{ "n", "atMs", "by": { "user", "uid", "pid", "sudo"?, "from"? },
 * "what", "result", "prev" }`. `prev` is 32 hex digits of the SHA-256 of the line before, without its end; of the first one
 * ever `""`. `by` is what the command said of itself: only the hub's own user and root get to be heard at all, as the
 * socket and the directory are theirs. Secrets (tokens, keys) are never in it.
 *
 * A line that a power cut left incomplete is cut off when the file is opened: what it was about was not done.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../durable-file.ts";
import { isUmecError, messageOf, UmecError } from "../errors.ts";

/** Who asks, as the command says of itself. */
export interface Operator {
  user: string;
  uid: number;
  pid: number;
  /** Who became that user by sudo. */
  sudo?: string;
  /** The address that their ssh session came from. */
  from?: string;
}

export interface TrailEntry {
  n: number;
  /** Unix time in milliseconds, by the hub's clock. */
  atMs: number;
  by: Operator;
  /** In words. */
  what: string;
  /** `asked`, `done`, or the code of an error. */
  result: string;
  prev: string;
}

export interface TrailRead {
  /** Oldest first. */
  entries: TrailEntry[];
  /** Numbers of entries that do not follow from the one before them. */
  broken: number[];
}

export interface TrailOptions {
  /** @default Date.now */
  now?: () => number;
  /** Size at which a file is put aside. @default 4 MiB */
  fileBytes?: number;
  /** How many of those stay. @default 8 */
  files?: number;
}

const current = "audit.jsonl";
const longestWhat = 500;

export class Trail implements AsyncDisposable {
  readonly #dir: string;
  readonly #options: Required<TrailOptions>;
  #file: FileHandle;
  #bytes: number;
  #n: number;
  #prev: string;
  /** The number of the first entry of the file; 0: it has none. */
  #first: number;
  #turns: Promise<unknown> = Promise.resolve();

  /** One at a time for each directory. @throws UmecError `HUB_AUDIT` */
  static async open(dir: string, options: TrailOptions = {}): Promise<Trail> {
    try {
      const file = await open(join(dir, current), "a+", 0o600);
      const text = (await file.readFile()).toString();
      const whole = text.slice(0, text.lastIndexOf("\n") + 1);
      if (whole !== text) await file.truncate(Buffer.byteLength(whole));
      await syncDirectory(dir);
      const lines = whole.split("\n").slice(0, -1);
      const before = lines.length > 0 ? lines : (await linesOf(dir, (await asideIn(dir)).at(-1))).slice(-1);
      return new Trail(dir, file, lines, before.at(-1), options);
    } catch (cause) {
      throw failed(cause);
    }
  }

  private constructor(
    dir: string,
    file: FileHandle,
    lines: readonly string[],
    last: string | undefined,
    options: TrailOptions,
  ) {
    this.#dir = dir;
    this.#file = file;
    this.#options = { now: Date.now, fileBytes: 4 * 2 ** 20, files: 8, ...options };
    this.#bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    this.#first = lines[0] === undefined ? 0 : (parse(lines[0])?.n ?? 0);
    this.#n = last === undefined ? 0 : (parse(last)?.n ?? 0);
    this.#prev = last === undefined ? "" : hashOf(last);
  }

  /** Does `work` between its two entries. @throws UmecError `HUB_AUDIT`, or what `work` throws */
  async run<T>(by: Operator, what: string, work: () => Promise<T>): Promise<T> {
    await this.append(by, what, "asked");
    let done: T;
    try {
      done = await work();
    } catch (error) {
      await this.append(by, what, isUmecError(error) ? error.code : "failed");
      throw error;
    }
    await this.append(by, what, "done");
    return done;
  }

  /** Resolves when it is on disk. @throws UmecError `HUB_AUDIT` */
  append(by: Operator, what: string, result: string): Promise<void> {
    const turn = this.#turns.then(() => this.#append(by, what, result));
    this.#turns = turn.catch(() => undefined);
    return turn;
  }

  /** The last `most` entries. @throws UmecError `HUB_AUDIT` */
  read(most: number): Promise<TrailRead> {
    const turn = this.#turns.then(() => this.#read(most));
    this.#turns = turn.catch(() => undefined);
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns;
    await this.#file.close();
  }

  async #append(by: Operator, what: string, result: string): Promise<void> {
    const { now, fileBytes } = this.#options;
    const [n, prev] = [this.#n + 1, this.#prev];
    const entry: TrailEntry = { n, atMs: now(), by, what: what.slice(0, longestWhat), result, prev };
    const line = JSON.stringify(entry);
    try {
      if (this.#bytes >= fileBytes) await this.#putAside();
      const bytes = Buffer.from(`${line}\n`);
      const { bytesWritten } = await this.#file.write(bytes);
      if (bytesWritten < bytes.length) throw new Error("the disk is full");
      await this.#file.sync();
      this.#bytes += bytes.length;
    } catch (cause) {
      // A part of a line would take the next one with it.
      await this.#file.truncate(this.#bytes).catch(() => undefined);
      throw failed(cause);
    }
    this.#first ||= n;
    this.#n = n;
    this.#prev = hashOf(line);
  }

  async #putAside(): Promise<void> {
    await this.#file.close();
    await rename(join(this.#dir, current), join(this.#dir, `audit-${this.#first}.jsonl`));
    this.#file = await open(join(this.#dir, current), "a+", 0o600);
    await syncDirectory(this.#dir);
    [this.#bytes, this.#first] = [0, 0];
    for (const name of (await asideIn(this.#dir)).slice(0, -this.#options.files))
      await rm(join(this.#dir, name), { force: true });
  }

  async #read(most: number): Promise<TrailRead> {
    const lines: string[] = [];
    try {
      for (const name of [...(await asideIn(this.#dir)), current].reverse()) {
        if (lines.length > most) break;
        lines.unshift(...(await linesOf(this.#dir, name)));
      }
    } catch (cause) {
      throw failed(cause);
    }
    const all = lines.map((line) => ({ line, entry: parse(line) }));
    const broken = all.flatMap(({ entry }, i) => {
      const before = all[i - 1];
      if (!entry) return [0];
      const follows =
        !before || (entry.prev === hashOf(before.line) && entry.n === (before.entry?.n ?? 0) + 1);
      return follows ? [] : [entry.n];
    });
    const entries = all.flatMap(({ entry }) => entry ?? []);
    return { entries: most === 0 ? [] : entries.slice(-most), broken };
  }
}

/** What were put aside, oldest first. */
async function asideIn(dir: string): Promise<string[]> {
  const numberOf = (name: string) => Number(/^audit-(\d+)\.jsonl$/.exec(name)?.[1] ?? 0);
  const names = (await readdir(dir)).filter((name) => numberOf(name) > 0);
  return names.sort((a, b) => numberOf(a) - numberOf(b));
}

async function linesOf(dir: string, name: string | undefined): Promise<string[]> {
  if (name === undefined) return [];
  return (await readFile(join(dir, name), "utf8")).split("\n").slice(0, -1);
}

function parse(line: string): TrailEntry | undefined {
  try {
    const entry = JSON.parse(line);
    return Number.isSafeInteger(entry?.n) ? entry : undefined;
  } catch {
    return undefined;
  }
}

function hashOf(line: string): string {
  return createHash("sha256").update(line).digest("hex").slice(0, 32);
}

function failed(cause: unknown): UmecError {
  return new UmecError("HUB_AUDIT", `the hub's audit trail can't be written: ${messageOf(cause)}`, {
    cause,
    hint: "what is not entered is not done; is the disk full, and is audit.jsonl in the hub's directory its user's?",
  });
}

/** Who asks, from what a request says of it. */
export function operatorOf(said: unknown): Operator {
  const { user, uid, pid, sudo, from } = (said ?? {}) as Record<string, unknown>;
  const short = (value: unknown) => (typeof value === "string" ? value.slice(0, 64) : undefined);
  const [by, origin] = [short(sudo), short(from)];
  return {
    user: short(user) ?? "?",
    uid: Number.isSafeInteger(uid) ? (uid as number) : -1,
    pid: Number.isSafeInteger(pid) ? (pid as number) : -1,
    ...(by !== undefined && { sudo: by }),
    ...(origin !== undefined && { from: origin }),
  };
}
