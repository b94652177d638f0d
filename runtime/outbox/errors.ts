import { UmecError } from "../errors.ts";

/** A row or counter that can't be: the file is damaged although SQLite did not notice. */
export class CorruptError extends UmecError {
  /** The row that was met, as it says of itself: it may be lost although rows behind it are done. */
  readonly suspect: { chain: number; row: number } | undefined;

  constructor(what: string, suspect?: { chain: number; row: number }) {
    super("OUTBOX_CORRUPT", what);
    this.suspect = suspect;
  }
}

export function corrupt(what: string, suspect?: { chain: number; row: number }): CorruptError {
  return new CorruptError(what, suspect);
}

/** SQLite's and our own errors that mean: set this file aside and salvage it. */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return (
    code === "OUTBOX_CORRUPT" ||
    code === "SQLITE_NOTADB" ||
    code.startsWith("SQLITE_CORRUPT") ||
    code === "SQLITE_IOERR_READ" ||
    code === "SQLITE_IOERR_SHORT_READ" ||
    // What we write keeps to the schema: where it is refused, something is there that we did not write.
    code.startsWith("SQLITE_CONSTRAINT") ||
    // A damaged schema page: a table or column of ours is not what it was.
    (code === "SQLITE_ERROR" && /no such (table|column)|malformed|already exists/.test(String(error)))
  );
}

/** The disk or the file system's quota is full. */
export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === "SQLITE_FULL" || code === "SQLITE_IOERR_WRITE" || code === "ENOSPC" || code === "EDQUOT";
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return String(error.code);
}
