/**
 * The folder of what was fetched: at most one bundle, by its checksum.
 *
 *   <sha256>.part     not whole yet (part-file.ts)
 *   <sha256>.index    its index, when it came by the link
 *   <sha256>.record   what of it is there, and how far the slots were searched (record-file.ts)
 *   <sha256>.raucb    whole and verified
 *   last.index        the index of what was fetched last by the link: most of the next one is in it
 */
import { createHash } from "node:crypto";
import { open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateDirectory, syncDirectory } from "../../durable-file.ts";
import { isUmecError, UmecError } from "../../errors.ts";
import type { BundleInfo } from "../types.ts";
import { Breath } from "./breath.ts";

export interface CarryFiles {
  dir: string;
  part: string;
  index: string;
  record: string;
  whole: string;
  last: string;
}

const pieceBytes = 128 * 1024;
const lastIndex = "last.index";

export function carryFiles(dir: string, sha256: string): CarryFiles {
  const at = (suffix: string) => join(dir, `${sha256}.${suffix}`);
  return {
    dir,
    part: at("part"),
    index: at("index"),
    record: at("record"),
    whole: at("raucb"),
    last: join(dir, lastIndex),
  };
}

/** Makes the folder, and removes what is of other bundles. */
export async function clearFor(dir: string, sha256: string): Promise<void> {
  await makePrivateDirectory(dir);
  for (const name of await readdir(dir))
    if (name !== lastIndex && !name.startsWith(`${sha256}.`))
      await rm(join(dir, name), { recursive: true, force: true });
}

/** Whether the whole bundle is there already; one that is damaged is removed. */
export async function isWhole(files: CarryFiles, bundle: BundleInfo, signal: AbortSignal): Promise<boolean> {
  const there = await stat(files.whole).catch(() => undefined);
  if (!there) return false;
  if (there.size === bundle.bytes && (await sha256Of(files.whole, signal)) === bundle.sha256) return true;
  await rm(files.whole, { force: true });
  return false;
}

/** Gives the part, which was verified, its final name. */
export async function finish(files: CarryFiles): Promise<void> {
  await rename(files.part, files.whole);
  await syncDirectory(files.dir);
  // There is none where it did not come by the link.
  await rename(files.index, files.last).catch(() => undefined);
  await rm(files.record, { force: true });
}

export async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  await using file = await open(path, "r");
  const digest = createHash("sha256");
  const piece = Buffer.allocUnsafe(pieceBytes);
  const breath = new Breath();
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return digest.digest("hex");
    digest.update(piece.subarray(0, bytesRead));
    at += bytesRead;
    await breath.take(bytesRead, signal);
  }
}

/**
 * @param reserveBytes what must stay free for others, the outbox above all
 * @throws UmecError `UPDATE_NO_SPACE` when the rest of the bundle does not fit
 */
export async function requireSpace(files: CarryFiles, bytes: number, reserveBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(files.dir);
  const there = await stat(files.part).catch(() => undefined);
  const needed = Math.max(0, bytes - (there?.blocks ?? 0) * 512);
  const free = bavail * bsize;
  if (free >= needed + reserveBytes) return;
  throw new UmecError(
    "UPDATE_NO_SPACE",
    `the update needs ${mib(needed)} MiB more and ${mib(reserveBytes)} MiB are to stay free, but ${mib(free)} MiB are`,
    { hint: `make room on the file system of ${files.dir}` },
  );
}

/** Runs `work`, and says a full disk in the words of {@link requireSpace}. */
export async function sayingFull<T>(files: CarryFiles, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isUmecError(error) || (error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    throw new UmecError("UPDATE_NO_SPACE", `the disk became full while an update was fetched`, {
      cause: error,
      hint: `make room on the file system of ${files.dir}; it goes on where it was`,
    });
  }
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
