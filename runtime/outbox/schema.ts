import type { Database } from "better-sqlite3";
import { UmecError } from "../errors.ts";
import { lanes } from "../subjects.ts";
import { CorruptError } from "./errors.ts";

/**
 * The file's schema and how it lives through updates and their rollback.
 *
 * `meta.version` is what wrote the file last, `meta.readable` the oldest version that can still read and write
 * it. A version only ever adds tables and columns with defaults (readable stays), or raises `readable` one
 * release after the last reader of the old form is gone: so version N opens files of N-1 and of N+1.
 * A column that this version does not know is left alone: every INSERT names its columns.
 */
export const schemaVersion = 1;
const oldestWriter = 1;

const laneTable = (lane: string): string => `
  CREATE TABLE IF NOT EXISTS ${lane} (
    id INTEGER PRIMARY KEY,
    chain INTEGER NOT NULL,
    row INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    time REAL NOT NULL,
    samples INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    records BLOB NOT NULL
  );`;

const tables = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS epoch (
    id INTEGER PRIMARY KEY, boot TEXT NOT NULL, offsetMs REAL, lastMs REAL NOT NULL DEFAULT 0, estimated INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE IF NOT EXISTS chain (
    id INTEGER PRIMARY KEY, plugin TEXT NOT NULL, lane TEXT NOT NULL,
    nextRow INTEGER NOT NULL, doneRow INTEGER NOT NULL, rows INTEGER NOT NULL, samples INTEGER NOT NULL,
    UNIQUE (plugin, lane)
  );
  CREATE TABLE IF NOT EXISTS sent (chain INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);
  ${lanes.map(laneTable).join("")}`;

/**
 * WAL with FULL: a commit is one fsync of the log. EXCLUSIVE: no shared memory file, and no other process
 * can keep the log from being reset. The log is at most about `checkpointPages` long.
 */
export function prepare(db: Database, options: { pageSize: number; checkpointPages: number }): void {
  db.pragma(`page_size = ${options.pageSize}`);
  db.pragma("locking_mode = EXCLUSIVE");
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma(`wal_autocheckpoint = ${options.checkpointPages}`);
  db.pragma(`journal_size_limit = ${options.checkpointPages * options.pageSize}`);
  db.pragma("temp_store = MEMORY");
  db.pragma("cache_size = -2048");
}

/**
 * Makes or checks the schema. Throws `OUTBOX_TOO_NEW` when a later version must not be written by this one, and
 * `CorruptError` when what it says of versions can't be.
 */
export function migrate(db: Database): void {
  db.exec(tables);
  const get = db.prepare("SELECT value FROM meta WHERE key = ?").pluck();
  const set = db.prepare(
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  );
  const readable = get.get("readable");
  const version = get.get("version");
  if (typeof readable === "number" && readable > schemaVersion) {
    // A version reads what it wrote itself.
    if (typeof version !== "number" || version < readable)
      throw new CorruptError(`it says that schema ${version} wrote it, and that ${readable} can read it`);
    throw new UmecError(
      "OUTBOX_TOO_NEW",
      `the outbox was written by schema ${version}, this version reads up to ${schemaVersion}`,
      {
        hint: "start the newer version of umec, let it drain, then go back",
      },
    );
  }
  if (typeof version === "number" && version >= schemaVersion) return;
  db.transaction(() => {
    set.run("version", schemaVersion);
    set.run("readable", oldestWriter);
  })();
}
