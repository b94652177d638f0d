import { open, rename, rm } from "node:fs/promises";

/**
 * Writes a file that only its owner may read (mode 0600), whole or not at all: a reader, or a start after a
 * power cut, sees the old text or the new one. It is on disk when the promise resolves.
 */
export async function writePrivateFile(path: string, text: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
