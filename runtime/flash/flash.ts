/**
 * Writes an image to a card so that a card either holds all of it or does not boot.
 *
 * 1. The card's old partition tables are overwritten by zeros: the first 32 KiB, and the last 33 sectors. That is on the
 *    card before anything else is.
 * 2. All of the image but its first 32 KiB is written; only what its block map names, where it has one.
 * 3. All that was written is read back from the card, past the page cache, and compared by SHA-256; of a block map those
 *    are the sums that came with the image.
 * 4. The configuration is put into `umec.json`, and read back.
 * 5. The first 32 KiB, with the MBR and the primary GPT (UEFI specification 2.10, section 5.3), are written last, and read
 *    back.
 *
 * Whatever ends it before step 5 is done, a signal, a pulled card, an error, leaves a card without a partition table: no
 * board boots half an image, and no boot without its configuration. Boot loaders that lie outside of partitions begin at
 * 32 KiB or later, and find nothing to start then. The image's backup GPT stays where the image ends; the node moves it
 * to the card's end at its first start.
 */
import { copyImage, tooSmall } from "./copy.ts";
import { damaged, type Image } from "./image.ts";
import { injectConfig } from "./inject.ts";
import type { Medium } from "./medium.ts";
import { verifyBytes, verifyRanges } from "./verify.ts";

/** The MBR, the GPT's header and its 128 entries take 34 sectors; on i.MX the boot loader follows at 32 KiB. */
const headBytes = 32_768;
/** The table's copy at the end of a disk: 32 sectors of entries, and the header. */
const backupBytes = 33 * 512;

export type FlashPhase = "write" | "verify";

export interface FlashOptions {
  image: Image;
  medium: Medium;
  /** Text for `umec.json`. @default it stays as it is in the image */
  config?: string;
  /** Whether the medium is a file that was just made, with zeros everywhere. @default false */
  fresh?: boolean;
  /** Bytes of the phase; `all` is missing while it is not known. @default none */
  onProgress?: (phase: FlashPhase, done: number, all: number | undefined) => void;
  signal: AbortSignal;
}

export interface Flashed {
  /** Of the image. */
  imageBytes: number;
  /** That were written, and read back. */
  writtenBytes: number;
}

/**
 * @throws UmecError `FLASH_TOO_SMALL` before anything is written, `FLASH_IMAGE_DAMAGED`, `FLASH_WRITE`, `FLASH_READ`,
 *   `FLASH_VERIFY`, and what {@link injectConfig} throws; an `AbortError` when it was aborted
 */
export async function flash(options: FlashOptions): Promise<Flashed> {
  const { image, medium, config, fresh = false, onProgress, signal } = options;
  if (image.bytes !== undefined && image.bytes > medium.bytes)
    throw tooSmall(image.path, image.bytes, medium);
  if (!fresh) await wipeTables(medium);
  const { head, ranges, bytes, writtenBytes } = await copyImage({
    image,
    medium,
    headBytes,
    skipZeros: fresh,
    onProgress: (done, all) => onProgress?.("write", done, all),
    signal,
  });
  if (bytes < headBytes) throw damaged(image.path, "it is no image of a disk: it has less than 32 KiB");
  await medium.sync();
  await verifyRanges({
    medium,
    ranges,
    head,
    onProgress: (done, all) => onProgress?.("verify", done, all),
    signal,
  });
  if (config !== undefined) await injectConfig(medium, config, head);
  signal.throwIfAborted();
  await medium.write(head, 0);
  await medium.sync();
  await verifyBytes(medium, head, 0);
  return { imageBytes: bytes, writtenBytes: writtenBytes + headBytes };
}

async function wipeTables(medium: Medium): Promise<void> {
  const zeros = new Uint8Array(headBytes);
  await medium.write(zeros.subarray(0, Math.min(headBytes, medium.bytes)), 0);
  const end = medium.bytes - backupBytes;
  if (end > headBytes) await medium.write(zeros.subarray(0, backupBytes), end);
  await medium.sync();
}
