/**
 * What the API must still know after a restart: subscriptions, services, registered devices; small JSON documents by kind
 * and id, some hundreds of them.
 *
 * All of them are in memory and in one file, which is written anew for each change: whole or not at all, and on disk when
 * the change resolves. Changes that come while the file is being written share the next writing, so a thousand at once cost
 * two or three. When a writing fails, all changes that are not on disk are taken back and rejected: what was refused is not
 * there, also not until the next restart.
 *
 * After a power cut the file is the old one or the new one (runtime/durable-file.ts). A file that can't be read, as nobody
 * but a failing disk leaves one, is set aside as `.damaged` and the API begins empty: applications register again as after
 * an update, and the log says so.
 *
 * Values are copied at a put, and what `get` and `list` hand out is frozen. A tag is random and not a count: a count would
 * be given twice when a change is lost in a power cut after a client has read it.
 */
import { randomBytes } from "node:crypto";
import { readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { makePrivateDirectory, writeDurable } from "../../durable-file.ts";
import { isUmecError, messageOf, UmecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { ApiStore, Stored } from "../types.ts";
import { type Entry, fileText, makeEntry, readFileText } from "./file.ts";

export interface ApiStoreOptions {
  /** Its directory is made when it is not there. */
  path: string;
  /** Of all documents. @default 1 MiB */
  quotaBytes?: number;
  log: Log;
}

export interface OpenApiStore extends ApiStore {
  /** Resolves when all is on disk; changes are refused from now on. */
  close(): Promise<void>;
}

/** Who waits for a change to be on disk. */
interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

export async function openApiStore(options: ApiStoreOptions): Promise<OpenApiStore> {
  const { path, quotaBytes = 1024 * 1024, log } = options;
  await makePrivateDirectory(dirname(path));
  /** By kind and id, in the order of the first put. */
  let entries = new Map<string, Entry>();
  for (const entry of await load(path, log)) entries.set(keyOf(entry.kind, entry.id), entry);
  /** As it lies on the disk. */
  let saved = new Map(entries);
  let bytes = sum(entries);
  let waiting: Waiter[] = [];
  let writing: Promise<void> | undefined;
  let closed = false;

  /** Resolves when `entries`, as they are now, are on disk. */
  function save(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push({ resolve, reject });
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
    return promise;
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const draft = new Map(entries);
      try {
        await writeDurable(path, fileText([...draft.values()]));
        saved = draft;
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        // What came meanwhile may build on what is taken back now.
        const lost = [...batch, ...waiting];
        waiting = [];
        entries = new Map(saved);
        bytes = sum(entries);
        const text = `the API's state can't be written to ${path}: ${messageOf(cause)}`;
        log.error(text, { changes: lost.length });
        for (const { reject } of lost) reject(new UmecError("API_STORE_WRITE", text, { cause }));
      }
    }
  }

  function checkOpen(): void {
    if (closed) throw new UmecError("API_STORE_CLOSED", "the API's store is closed");
  }

  return {
    get<T>(kind: string, id: string) {
      const entry = entries.get(keyOf(kind, id));
      return entry && storedOf<T>(entry);
    },
    list<T>(kind: string) {
      const found: Stored<T>[] = [];
      for (const entry of entries.values()) if (entry.kind === kind) found.push(storedOf<T>(entry));
      return found;
    },
    async put(kind, id, value) {
      checkOpen();
      const key = keyOf(kind, id);
      const etag = `"${randomBytes(9).toString("base64url")}"`;
      const entry = makeEntry(kind, id, etag, JSON.stringify(value));
      const after = bytes + entry.bytes - (entries.get(key)?.bytes ?? 0);
      if (after > quotaBytes) {
        const text = `the API's state would have ${after} bytes; it may have ${quotaBytes}`;
        throw new UmecError("API_STORE_FULL", text, { hint: "delete what is not needed any more" });
      }
      entries.set(key, entry);
      bytes = after;
      await save();
      return etag;
    },
    async delete(kind, id) {
      checkOpen();
      const key = keyOf(kind, id);
      const entry = entries.get(key);
      if (!entry) return false;
      entries.delete(key);
      bytes -= entry.bytes;
      await save();
      return true;
    },
    async close() {
      closed = true;
      await writing;
    },
  };
}

async function load(path: string, log: Log): Promise<Entry[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  try {
    return readFileText(text);
  } catch (error) {
    if (!isUmecError(error, "API_STORE_DAMAGED")) throw error;
    const aside = `${path}.damaged`;
    await rename(path, aside);
    log.error("the API's state is damaged: it begins empty, and applications have to register again", {
      reason: error.message,
      aside,
    });
    return [];
  }
}

function keyOf(kind: string, id: string): string {
  return JSON.stringify([kind, id]);
}

function storedOf<T>({ id, value, etag }: Entry): Stored<T> {
  return { id, value: value as T, etag };
}

function sum(entries: ReadonlyMap<string, Entry>): number {
  return entries.values().reduce((total, entry) => total + entry.bytes, 0);
}
