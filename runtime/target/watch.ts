/**
 * Follows one file: its text at once, and again after each change.
 *
 * Editors and deployers replace a file by renaming another over it, which ends a watch on the file itself; so
 * the directory is watched, and the kernel tells (nothing polls). Events come in bursts and may arrive before a
 * writer is done: the file is read `settleMs` after the last one, and a text that equals the last one is kept
 * back. A write that pauses for longer is seen half-done, and seen again when it is complete; an invalid state
 * between does no harm, since it never stops the old one.
 *
 * Of a symbolic link, a new link is seen, not a change of what it points to.
 *
 * A file that is deleted, is not UTF-8 or grew beyond `maxBytes` is a fault, not an empty text. The directory
 * itself must stay.
 */
import { watch } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";

export interface WatchOptions {
  /** The file's text; first before `watchTarget` resolves. Called in the order of the changes. */
  onChange(text: string): void;
  /** The file can't be read now (`TARGET_MISSING`, `TARGET_UNREADABLE`); the watch goes on. */
  onFault(fault: UmecError): void;
  log: Log;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Quiet time after the last event before the file is read, in milliseconds. @default 100 */
  settleMs?: number;
  /** Larger files are refused. @default 1_048_576 */
  maxBytes?: number;
}

/**
 * Starts to follow `path`; resolves when the first text (or fault) was given. Rejects with `TARGET_UNWATCHABLE`
 * when the directory can't be watched.
 */
export async function watchTarget(path: string, options: WatchOptions): Promise<void> {
  const { signal, log, settleMs = 100, maxBytes = 1_048_576 } = options;
  signal.throwIfAborted();
  const file = resolve(path);
  let last: string | undefined;
  let reading: Promise<void> | undefined;
  let again = false;
  let timer: NodeJS.Timeout | undefined;

  async function read(): Promise<void> {
    do {
      again = false;
      const found = await readTarget(file, maxBytes);
      const key = typeof found === "string" ? `text ${found}` : `fault ${found.message}`;
      if (signal.aborted || key === last) continue;
      last = key;
      if (typeof found === "string") options.onChange(found);
      else options.onFault(found);
    } while (again && !signal.aborted);
  }
  const start = () => {
    again = true;
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  // The watch starts before the first reading, so that no change falls between.
  const watcher = openWatch(file, signal);
  watcher.on("change", (_, name) => {
    if (name !== null && name.toString() !== basename(file)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      start().catch((error: unknown) => log.error(`a change of ${file} failed: ${messageOf(error)}`));
    }, settleMs);
  });
  watcher.on("error", (error) => {
    log.error(`changes of ${file} are no longer seen: ${messageOf(error)}`);
  });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  await start();
}

function openWatch(file: string, signal: AbortSignal) {
  try {
    return watch(dirname(file), { signal });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const full = code === "ENOSPC" || code === "EMFILE";
    throw new UmecError("TARGET_UNWATCHABLE", `can't watch ${dirname(file)}: ${messageOf(error)}`, {
      cause: error,
      hint: full
        ? "raise the limits fs.inotify.max_user_watches and max_user_instances"
        : "make the directory",
    });
  }
}

/** The text of a target file, or what keeps it from being read. */
export async function readTarget(file: string, maxBytes = 1_048_576): Promise<string | UmecError> {
  try {
    await using handle = await open(file);
    const { size } = await handle.stat();
    if (size > maxBytes)
      return unreadable(file, `it has ${size} bytes, ${maxBytes} are allowed`, "a target is a few kilobytes");
    return new TextDecoder("utf-8", { fatal: true }).decode(await handle.readFile());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      return new UmecError("TARGET_MISSING", `there is no file ${file}`, {
        hint: "the node goes on as it is; put the file back, or stop the node",
      });
    if (error instanceof TypeError) return unreadable(file, "it is not UTF-8", "save it as UTF-8");
    return unreadable(file, messageOf(error), "the node's user must be able to read it");
  }
}

function unreadable(file: string, reason: string, hint: string): UmecError {
  return new UmecError("TARGET_UNREADABLE", `can't read ${file}: ${reason}`, { hint });
}
