/**
 * A look at an outbox that leaves it as it is: everything happens on a copy in the directory for temporary files,
 * which goes with it. On file systems that can, the copy shares the file's blocks.
 */
import { constants, copyFileSync } from "node:fs";
import { mkdtemp, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import Database from "better-sqlite3";
import { UmecError } from "../errors.ts";
import { carveRows } from "../outbox/carve.ts";
import type { Keeper } from "../outbox/keeper.ts";
import { readLabel } from "../outbox/label.ts";
import { labelPath } from "../outbox/salvage.ts";
import { scanWal } from "../outbox/wal.ts";
import { type Examined, type ExamineOptions, examine, openKeeper } from "./outbox-examine.ts";
import { locked, requireUnlocked } from "./outbox-lock.ts";
import { formatBytes } from "./units.ts";

export interface OutboxCopy extends AsyncDisposable, Examined {
  /** On the copy. */
  keeper: Keeper;
  fileBytes: number;
  logBytes: number;
  /** Left out where the file can't tell. */
  schemaVersion?: number;
  generation?: number;
}

/**
 * Copies and examines the outbox at `file`.
 *
 * @throws UmecError `OUTBOX_MISSING`, `OUTBOX_LOCKED`, `OUTBOX_NO_ROOM`, `OUTBOX_FOREIGN`, `OUTBOX_TOO_NEW`
 */
export async function openOutboxCopy(file: string, options: ExamineOptions): Promise<OutboxCopy> {
  await requireFile(file);
  await requireUnlocked(file);
  const before = await sizes(file);
  await requireRoom(file, before);
  const dir = await mkdtemp(join(tmpdir(), "umec-outbox-"));
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    const copy = join(dir, basename(file));
    for (const suffix of ["", "-wal", ".label"]) copyIfThere(`${file}${suffix}`, `${copy}${suffix}`);
    if (JSON.stringify(await sizes(file)) !== JSON.stringify(before))
      throw locked(file, "it changed while it was read");
    const meta = readMeta(copy);
    requireOutbox(file, meta);
    const generation = meta.generation ?? readLabel(labelPath(copy))?.generation;
    const keeper = openKeeper(copy);
    const examined = await examine(keeper, options);
    return {
      ...examined,
      keeper,
      fileBytes: before.file?.bytes ?? 0,
      logBytes: before.log?.bytes ?? 0,
      ...(meta.version !== undefined && { schemaVersion: meta.version }),
      ...(generation !== undefined && { generation }),
      async [Symbol.asyncDispose]() {
        keeper.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** @throws UmecError `OUTBOX_MISSING` */
export async function requireFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) return;
  const what = found ? `${file} is no file` : `there is no file ${file}`;
  throw new UmecError("OUTBOX_MISSING", what, {
    hint: "`umec status` shows where a running node has its outbox: below its data directory, outbox/outbox.db",
  });
}

/**
 * That `file` is an outbox, or was one. To salvage another file would put an empty outbox in its place.
 *
 * @throws UmecError `OUTBOX_FOREIGN`
 */
export function requireOutbox(file: string, meta: Meta = {}): void {
  if (meta.store !== undefined || readLabel(labelPath(file))) return;
  if (!carveRows(file).next().done) return;
  throw new UmecError("OUTBOX_FOREIGN", `${file} does not look like an outbox`, {
    hint: `if it was one, then put its label beside it again: ${basename(labelPath(file))}`,
  });
}

export interface Meta {
  store?: string;
  version?: number;
  generation?: number;
}

/** What the file says of itself; nothing where that can't be read. Changes the file's log: for copies only. */
export function readMeta(path: string): Meta {
  // SQLite would drop what stands behind a damaged place in the log.
  if (scanWal(`${path}-wal`)?.damaged) return {};
  try {
    using db = disposable(new Database(path, { fileMustExist: true }));
    const rows = db.database.prepare("SELECT key, value FROM meta").all() as {
      key: string;
      value: unknown;
    }[];
    return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  } catch {
    return {};
  }
}

function disposable(database: Database.Database) {
  return { database, [Symbol.dispose]: () => void database.close() };
}

function copyIfThere(from: string, to: string): void {
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

type Sizes = Awaited<ReturnType<typeof sizes>>;

async function sizes(file: string) {
  const of = async (path: string) => {
    const found = await stat(path).catch(() => undefined);
    return found && { bytes: found.size, changedMs: found.mtimeMs };
  };
  return { file: await of(file), log: await of(`${file}-wal`) };
}

/** A copy, and a second one should it have to be salvaged. */
async function requireRoom(file: string, { file: data, log }: Sizes): Promise<void> {
  const needed = 2 * ((data?.bytes ?? 0) + (log?.bytes ?? 0));
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize >= needed) return;
  throw new UmecError(
    "OUTBOX_NO_ROOM",
    `${tmpdir()} has ${formatBytes(bavail * bsize)} left, a look at ${file} may need ${formatBytes(needed)}`,
    { hint: `set TMPDIR to a directory with more room, such as ${dirname(file)}` },
  );
}
