import { chmod, readFile, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory, writeSynced } from "../durable-file.ts";
import { UmecError } from "../errors.ts";

/** Larger ones are not read: watch.ts. */
const mostBytes = 1_048_576;

/**
 * Replaces a target file, whole or not at all: a reader, or a start after a power cut, sees the old text or the new one. The
 * new file has the mode of the old one; the old text stays beside it as `<path>.previous`, on disk before the new one is.
 *
 * @throws UmecError `TARGET_INVALID` for one that is too large; the file stays as it was
 */
export async function replaceTargetFile(path: string, text: string): Promise<void> {
  const bytes = Buffer.byteLength(text);
  if (bytes > mostBytes)
    throw new UmecError("TARGET_INVALID", `the target state has ${bytes} bytes, ${mostBytes} are allowed`);
  const mode = await stat(path).then(
    (found) => found.mode & 0o777,
    () => undefined,
  );
  if (mode !== undefined) await place(`${path}.previous`, await readFile(path), mode);
  await place(path, text, mode);
}

async function place(path: string, content: string | Uint8Array, mode: number | undefined): Promise<void> {
  const draft = `${path}.new`;
  await writeSynced(draft, content);
  if (mode !== undefined) await chmod(draft, mode);
  await rename(draft, path);
  await syncDirectory(dirname(path));
}
