import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes a file that only its owner may read (mode 0600), whole or not at all: a reader, or a start after a power
 * cut, sees the old content or the new one. File and name are on disk when the promise resolves. One writer at a
 * time for each path.
 */
export async function writeDurable(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  await writeSynced(draft, content);
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

/** Writes a file (mode 0600) and its content to the disk; its name is there only after `syncDirectory`. */
export async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes renames and removals in a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Makes a directory and those above it, each for its owner alone and on disk; content with what is there. */
export async function makePrivateDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
}
