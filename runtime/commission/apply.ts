/**
 * Takes over a card: writes what it asks for below the node's root.
 *
 * It promises that after a power cut at any moment each file is the old or the new one, whole, and that a second run
 * ends in the same state. First all new files are written beside their places (`<name>.new`) and brought to the disk: a
 * disk that is full or faulty shows then, and nothing has changed. Then they are renamed, one by one, the target state
 * last, and the folders are brought to the disk. What an earlier card asked for and this one does not is removed.
 * Samples, keys and logs are not touched.
 *
 * It runs as root in folders that the node's user may write to, so it never follows a link there: a draft is always a
 * file that it has just made, and gets its owner by its handle.
 */
import { chmod, chown, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, UmecError } from "../errors.ts";
import type { Card } from "./card-schema.ts";
import { type CardFile, filesOf, hostnamePath } from "./compose.ts";

/** User and group `umec`, which the image pins (sysusers.d/umec.conf). */
const umecId = 900;

/** @param root the node's root, `/` on the node itself. @throws UmecError `CARD_NOT_WRITTEN` */
export async function applyCard(card: Card, root: string): Promise<void> {
  const files = filesOf(card).map((file) => ({ ...file, place: join(root, file.path) }));
  const wanted = files.filter((file): file is Draft => file.text !== undefined);
  try {
    for (const file of wanted) await writeDraft(file);
    for (const { place, text } of files) {
      if (text === undefined) await rm(place, { force: true });
      else await rename(draftOf(place), place);
    }
    for (const dir of new Set(files.map(({ place }) => dirname(place)))) await syncFolder(dir);
  } catch (cause) {
    for (const { place } of wanted) await rm(draftOf(place), { force: true }).catch(() => undefined);
    throw new UmecError(
      "CARD_NOT_WRITTEN",
      `what the card asks for could not be written: ${messageOf(cause)}`,
      {
        cause,
        hint: "is the disk full, or read-only? The card keeps its content, and the next start tries again",
      },
    );
  }
}

/** Of the card before; `undefined` when there was none. */
export async function nodeBefore(root: string): Promise<string | undefined> {
  const text = await readFile(join(root, hostnamePath), "utf8").catch(() => "");
  return text.trim() === "" ? undefined : text.trim();
}

type Draft = CardFile & { place: string; text: string };

function draftOf(place: string): string {
  return `${place}.new`;
}

async function writeDraft({ place, text, private: mine, owner }: Draft): Promise<void> {
  const dir = dirname(place);
  if ((await mkdir(dir, { recursive: true })) !== undefined) {
    // systemd-networkd, for one, reads as a user of its own.
    await chmod(dir, mine || owner === "umec" ? 0o700 : 0o755);
    if (owner === "umec" && process.getuid?.() === 0) await chown(dir, umecId, umecId);
  }
  const draft = draftOf(place);
  await rm(draft, { force: true });
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.chmod(mine ? 0o600 : 0o644);
    if (owner === "umec" && process.getuid?.() === 0) await handle.chown(umecId, umecId);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    // Nothing was ever asked for there.
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!handle) return;
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
