/**
 * A bundle that a person brings to the node: `incoming/local.raucb`, written whole or not at all. Nothing is believed of it;
 * the engine judges it as any other.
 */
import { open, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../durable-file.ts";
import { UmecError } from "../errors.ts";

/** What stays free on the disk for samples. */
const reserveBytes = 16 * 2 ** 20;

/** @throws UmecError `UPDATE_NO_SPACE`, `UPDATE_TORN`; what the stream ends with */
export async function storeLocalBundle(
  dir: string,
  content: AsyncIterable<Uint8Array>,
  /** As its sender says. @default not known */
  bytes?: number,
): Promise<void> {
  const path = join(dir, "local.raucb");
  const draft = `${path}.new`;
  await rm(path, { force: true });
  await rm(draft, { force: true });
  if (bytes !== undefined) await requireSpace(dir, bytes);
  try {
    await using file = await open(draft, "wx", 0o600);
    let [done, looked] = [0, 0];
    for await (const piece of content) {
      if (bytes === undefined && done - looked >= reserveBytes / 4) {
        await requireSpace(dir, 0);
        looked = done;
      }
      await file.writeFile(piece);
      done += piece.length;
    }
    if (bytes !== undefined && done !== bytes)
      throw new UmecError("UPDATE_TORN", `${done} bytes of ${bytes} came`, { hint: "send it again" });
    await file.sync();
  } catch (error) {
    await rm(draft, { force: true });
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw noSpace();
    throw error;
  }
  await rename(draft, path);
  await syncDirectory(dir);
}

/** Where it is. @throws UmecError `UPDATE_FAILED` */
export async function localBundle(dir: string): Promise<string> {
  const path = join(dir, "local.raucb");
  const there = await stat(path).catch(() => undefined);
  if (there) return path;
  throw new UmecError("UPDATE_FAILED", "the bundle that was brought to the node is gone");
}

async function requireSpace(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize < bytes + reserveBytes) throw noSpace();
}

function noSpace(): UmecError {
  return new UmecError("UPDATE_NO_SPACE", "the bundle does not fit on the disk", {
    hint: "let samples and pictures reach the hub, or make their quotas smaller",
  });
}
