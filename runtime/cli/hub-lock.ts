import { join } from "node:path";
import Database from "better-sqlite3";
import { UmecError } from "../errors.ts";

/**
 * Keeps a second hub out of `dir`: two of them would end each other's nats-server in turn.
 * The lock is SQLite's on an empty file: the kernel lets go of it when the process dies, however it dies.
 *
 * @throws UmecError `HUB_LOCKED`
 */
export function lockHub(dir: string): Disposable {
  const db = new Database(join(dir, "lock"), { timeout: 0 });
  try {
    db.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    const busy = cause instanceof Error && "code" in cause && String(cause.code).startsWith("SQLITE_BUSY");
    if (!busy) throw cause;
    throw new UmecError("HUB_LOCKED", `another umec hub runs in ${dir}`, {
      cause,
      hint: "end it first, or give this one a directory of its own with --data",
    });
  }
  return { [Symbol.dispose]: () => void db.close() };
}
