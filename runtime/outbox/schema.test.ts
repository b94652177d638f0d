import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import type { Label } from "./label.ts";
import { kindOf } from "./row.ts";
import { schemaVersion } from "./schema.ts";
import { Store } from "./store.ts";

const scratch = createScratch();
const label: Label = { store: "0123456789abcdef", generation: 0, chains: [], epochs: [] };
const options = { quotaBytes: 2 ** 24 };

function put(store: Store, text: string): void {
  store.transaction(() => {
    const { id } = store.ensureChain("meter", "telemetry");
    store.append({
      chain: id,
      epoch: 0,
      time: 1,
      samples: 1,
      kind: kindOf("telemetry", false),
      records: Buffer.from(text),
    });
  });
}

const texts = (store: Store): string[] =>
  store.read("telemetry", 0, 1e9).map(({ records }) => Buffer.from(records).toString());

/** A file as the next version may leave it: more tables and columns, readable by this one. */
async function fileOfNextVersion(readable: number): Promise<string> {
  const path = join(await scratch(), "outbox.db");
  const store = Store.open(path, label, options);
  put(store, "from this version");
  store.close();
  const db = new Database(path);
  db.exec(`
    ALTER TABLE telemetry ADD COLUMN priority INTEGER NOT NULL DEFAULT 7;
    ALTER TABLE chain ADD COLUMN colour TEXT;
    CREATE TABLE later (id INTEGER PRIMARY KEY);
    UPDATE telemetry SET priority = 1;
    UPDATE meta SET value = ${schemaVersion + 1} WHERE key = 'version';
    UPDATE meta SET value = ${readable} WHERE key = 'readable';`);
  db.close();
  return path;
}

test("what the next version wrote is read, added to, and left readable for it", async () => {
  const path = await fileOfNextVersion(schemaVersion);
  const store = Store.open(path, label, options);
  put(store, "after the rollback");
  assert.deepEqual(texts(store), ["from this version", "after the rollback"]);
  store.close();
  const db = new Database(path);
  assert.deepEqual(db.prepare("SELECT priority FROM telemetry ORDER BY id").pluck().all(), [1, 7]);
  assert.equal(db.prepare("SELECT value FROM meta WHERE key = 'version'").pluck().get(), schemaVersion + 1);
  db.close();
});

test("a file that this version can't read is left alone, with what to do", async () => {
  const path = await fileOfNextVersion(schemaVersion + 1);
  assert.throws(
    () => Store.open(path, label, options),
    (error) => isUmecError(error, "OUTBOX_TOO_NEW") && /newer version/.test(error.hint ?? ""),
  );
});

test("versions that can't be are damage, not a later version: the file is salvaged", async () => {
  const path = await fileOfNextVersion(schemaVersion + 1);
  const db = new Database(path);
  db.prepare("UPDATE meta SET value = ? WHERE key = 'readable'").run(schemaVersion + 65);
  db.close();
  assert.throws(
    () => Store.open(path, label, options),
    (error) => isUmecError(error, "OUTBOX_CORRUPT"),
  );
});
