/**
 * `umec people apply`: root makes of people.json who may log in by ssh.
 *
 * What it promises:
 * - people.json comes from the node's user, who is not root: it is opened without following a link, must be a plain
 *   file within its bounds, and everything in it is judged again. What is not in order changes nothing.
 * - Each `authorized_keys` is the old or the new one, whole. It lies in a folder that only root writes to.
 * - Keys go before sessions do: who was taken out can't come back while their sessions are ended.
 * - It may be run again at any time, and does nothing then. What was taken over is kept beside the folders
 *   (people.json, root's own), so that the next start of the system can compare without starting this.
 *
 * Which sessions end: those of a level from which a person or a key went, or came to belong to somebody else; and
 * those that have not begun yet, since they may have been let in by a key that is gone.
 */
import { constants } from "node:fs";
import { chmod, lchown, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";
import { authorizedKeys } from "./authorized-keys.ts";
import { maxPeopleBytes, parsePeople, readPeople } from "./people-file.ts";
import { type Level, levels } from "./types.ts";

const notedName = "people.json";

export interface ApplyOptions {
  /** The node's people.json. */
  file: string;
  /** The folder of the levels' homes, /data/ssh in the image. */
  dir: string;
  /** Group of the level's Unix user, which must read the file. @default nobody's: it stays root's */
  groupOf?: (level: Level) => number | undefined;
}

export interface Applied {
  /** Whether anybody may log in. */
  open: boolean;
  /** Levels from which a key went. */
  narrowed: Level[];
}

/** Files become durable before this resolves. @throws UmecError `PEOPLE_INVALID`, `PEOPLE_UNREADABLE` */
export async function applyPeople({ file, dir, groupOf }: ApplyOptions): Promise<Applied> {
  const text = await readUntrusted(file);
  const users = text === undefined ? [] : parsePeople(text);
  // What was taken over to its end: after a run that was cut short the keys may be new, and the sessions still old.
  const noted = await readPeople(join(dir, notedName));
  await mkdir(dir, { recursive: true });
  // dropbear looks for a key as the level's user: it must get through, and see no more than it needs.
  await chmod(dir, 0o711);
  const applied: Applied = { open: false, narrowed: [] };
  for (const level of levels) {
    const wanted = authorizedKeys(users, level);
    if (wanted !== undefined) applied.open = true;
    const place = join(dir, level, ".ssh", "authorized_keys");
    const there = await readFile(place, "utf8").catch(() => undefined);
    const before = noted ? authorizedKeys(noted, level) : there;
    const lines = new Set(wanted?.split("\n"));
    if (before?.split("\n").some((line) => !lines.has(line))) applied.narrowed.push(level);
    if (there !== wanted) await writeKeys(place, wanted, groupOf?.(level));
  }
  return applied;
}

/** Notes what was taken over, as the last of all: a run that was cut short is done again. */
export async function noteApplied({ file, dir }: Pick<ApplyOptions, "file" | "dir">): Promise<void> {
  const text = await readUntrusted(file);
  if (text === undefined) await rm(join(dir, notedName), { force: true });
  else await writeWhole(join(dir, notedName), text, 0o600);
}

async function writeKeys(place: string, text: string | undefined, group: number | undefined): Promise<void> {
  const folder = dirname(place);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  // As they must be for dropbear, whatever the umask: nobody's but root's to write.
  for (const path of [folder, dirname(folder)]) await chmod(path, 0o755);
  if (text === undefined) {
    await rm(place, { force: true });
    await syncDirectory(folder);
  } else await writeWhole(place, text, 0o640, group);
}

async function writeWhole(path: string, text: string, mode: number, group?: number): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (group !== undefined) await lchown(draft, process.getuid?.() ?? 0, group);
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

/** `undefined` when there is none: then nobody may log in. */
async function readUntrusted(path: string): Promise<string | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  // Neither a link to a file of root's nor a pipe on which this would wait for ever.
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return undefined;
      throw unreadable(path, messageOf(cause), cause);
    },
  );
  if (!handle) return undefined;
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw unreadable(path, "it is no plain file");
    const room = Buffer.alloc(Math.min(stat.size, maxPeopleBytes) + 1);
    // Not as many bytes as the size says: the file may grow while it is read.
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(room, length, room.length - length);
      length += bytesRead;
      if (length === room.length) throw unreadable(path, "it is too long, or grows");
      if (bytesRead === 0) return room.toString("utf8", 0, length);
    }
  } finally {
    await handle.close();
  }
}

function unreadable(path: string, reason: string, cause?: unknown): UmecError {
  return new UmecError("PEOPLE_UNREADABLE", `${path} is not taken: ${reason}`, {
    ...(cause !== undefined && { cause }),
    hint: "the node writes it; who may log in stays as it was",
  });
}
