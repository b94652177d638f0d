/**
 * Takes over a card: writes what it asks for below the node's root.
 *
 * It promises that after a power cut at any moment each file is the old or the new one, whole, and that a second run
 * ends in the same state: each is written beside its place, brought to the disk and renamed, and the target state comes
 * last. What an earlier card asked for and this one does not is removed. Samples, keys and logs are not touched.
 */
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Card } from "./card-schema.ts";
import { filesOf } from "./compose.ts";

/** @param root the node's root, `/` on the node itself. @throws the error of the file system */
export async function applyCard(card: Card, root: string): Promise<void> {
  for (const { path, text, private: mine } of filesOf(card)) {
    const place = join(root, path);
    if (text === undefined) {
      await rm(place, { force: true });
      continue;
    }
    await mkdir(dirname(place), { recursive: true, mode: 0o700 });
    const beside = `${place}.new`;
    const handle = await open(beside, "w", mine ? 0o600 : 0o644);
    try {
      await handle.chmod(mine ? 0o600 : 0o644);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, place);
    await syncFolder(dirname(place));
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
