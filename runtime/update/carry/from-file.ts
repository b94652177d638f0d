/** The same bundle from a USB stick, or from wherever a person put it. */
import { open } from "node:fs/promises";
import { UmecError } from "../../errors.ts";
import { readBundleInfo } from "../../ota/raucb.ts";
import type { BundleInfo } from "../types.ts";
import { Breath } from "./breath.ts";
import { defaultReserveBytes } from "./fetch.ts";
import { carryFiles, clearFor, finish, isWhole, requireSpace, sayingFull, sha256Of } from "./files.ts";
import type { CarryProgress } from "./types.ts";

export interface CopyOptions {
  from: string;
  /** As of `fetchBundle`. */
  dir: string;
  reserveBytes?: number;
  onProgress?(progress: CarryProgress): void;
  signal: AbortSignal;
}

const pieceBytes = 128 * 1024;

/**
 * Copies a bundle into the folder, and resolves when it was read back from there as it was; the stick may go then.
 *
 * @throws UmecError `OTA_NO_BUNDLE`, `UPDATE_NO_SPACE`, `UPDATE_DAMAGED`; what `open` throws; the signal's reason
 */
export async function copyBundle(options: CopyOptions): Promise<{ path: string; bundle: BundleInfo }> {
  const { from, dir, signal, reserveBytes = defaultReserveBytes } = options;
  const bundle = await readBundleInfo(from, signal);
  const files = carryFiles(dir, bundle.sha256);
  await clearFor(dir, bundle.sha256);
  if (await isWhole(files, bundle, signal)) return { path: files.whole, bundle };
  await requireSpace(files, bundle.bytes, reserveBytes);
  await sayingFull(files, async () => {
    await copy(files.part, bundle, options);
    if ((await sha256Of(files.part, signal)) !== bundle.sha256) {
      throw new UmecError("UPDATE_DAMAGED", `${from} is read otherwise each time, or its copy is`, {
        hint: "take another stick; if that does not help, look at the disk",
      });
    }
    await finish(files);
  });
  return { path: files.whole, bundle };
}

async function copy(
  to: string,
  bundle: BundleInfo,
  { from, onProgress, signal }: CopyOptions,
): Promise<void> {
  await using source = await open(from, "r");
  await using target = await open(to, "w", 0o600);
  const piece = Buffer.allocUnsafe(pieceBytes);
  const breath = new Breath();
  for (let at = 0; ; ) {
    const { bytesRead } = await source.read(piece, 0, piece.length, at);
    if (bytesRead === 0) break;
    await target.write(piece, 0, bytesRead, at);
    at += bytesRead;
    onProgress?.({ doneBytes: at, allBytes: bundle.bytes, fetchedBytes: at });
    await breath.take(bytesRead, signal);
  }
  await target.sync();
}
