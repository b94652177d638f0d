import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { UmecError } from "../errors.ts";
import { flash } from "../flash/flash.ts";
import { type Image, openImage } from "../flash/image.ts";
import { injectConfig } from "../flash/inject.ts";
import { type Medium, openMedium } from "../flash/medium.ts";
import { rereadPartitions } from "../flash/reread.ts";
import { type DiskTarget, type FileTarget, findTarget } from "../flash/target.ts";
import type { Context } from "./context.ts";
import { type CardOptions, cardText } from "./flash-card.ts";
import { showRate } from "./flash-progress.ts";
import { describeTarget } from "./flash-text.ts";
import { formatBytes, formatDuration } from "./units.ts";

export interface FlashArguments extends CardOptions {
  /** Absent: only the configuration is written. */
  image?: string;
  destination: string;
  yes?: true;
  forceLarge?: true;
  /** @default true */
  bmap?: boolean;
}

interface Job {
  /** Absent: only `text` is written. */
  image: Image | undefined;
  target: DiskTarget | FileTarget;
  /** Of `umec.json`. */
  text: string | undefined;
}

export async function runFlash(options: FlashArguments, context: Context): Promise<void> {
  const { image: path, destination, yes, forceLarge: large = false, bmap = true, ...card } = options;
  const { stdout, signal } = context;
  // A slow card may take long to write what it has in its cache.
  context.graceMs = 60_000;
  const text = await cardText(card, context);
  // Before the image is read: that may take a while, and is for nothing when the disk is refused.
  const target = await findTarget(destination, { large });
  if (path !== undefined) await requireAnother(path, target);
  const image = path === undefined ? undefined : await open(path, bmap, context);
  if (!image && target.bytes === undefined)
    throw new UmecError("FLASH_NO_DISK", `there is no ${destination}`, {
      hint: "name a card with an image on it",
    });
  const job: Job = { image, target, text };
  requireRoom(job);
  if (!yes) await ask(job, context);
  signal.throwIfAborted();
  const startMs = performance.now();
  const writtenBytes = await write(job, context);
  const took = formatDuration(performance.now() - startMs);
  const what = image
    ? `${formatBytes(writtenBytes)} written and read back`
    : "configuration written and read back";
  const whom = text === undefined ? "" : `, for ${JSON.parse(text).node}`;
  stdout.write(`${destination}: ${what} in ${took}${whom}\n`);
}

async function open(path: string, bmap: boolean, { stderr, signal }: Context): Promise<Image> {
  using checking = showRate(stderr, "checking ");
  const image = await openImage(path, { bmap, signal, onProgress: checking.update });
  return image;
}

/** @throws UmecError `FLASH_NO_DISK` when it would be written over itself */
async function requireAnother(image: string, target: DiskTarget | FileTarget): Promise<void> {
  if (target.kind === "disk" || target.bytes === undefined) return;
  const [from, to] = await Promise.all([stat(image).catch(() => undefined), stat(target.path)]);
  if (from?.dev !== to.dev || from.ino !== to.ino) return;
  throw new UmecError("FLASH_NO_DISK", `${target.path} is the image itself`, {
    hint: "name the disk behind it",
  });
}

function requireRoom({ image, target }: Job): void {
  if (image?.bytes === undefined) {
    if (!image || target.kind === "disk") return;
    throw new UmecError("FLASH_BMAP", `only reading ${image.path} to its end tells how large it is`, {
      hint: "for a file as the target it needs its .bmap beside it, or has to be unpacked",
    });
  }
  if (target.kind === "file" || image.bytes <= target.bytes) return;
  const [needed, room] = [formatBytes(image.bytes), formatBytes(target.bytes)];
  throw new UmecError("FLASH_TOO_SMALL", `${image.path} needs ${needed}, and ${target.path} has ${room}`, {
    hint: "take a larger card",
  });
}

/** Only where something would be lost. @throws UmecError `CLI_USAGE`, `FLASH_DECLINED` */
async function ask({ image, target, text }: Job, { signal, stderr }: Context): Promise<void> {
  if (target.kind === "file" && target.bytes === undefined) return;
  if (!process.stdin.isTTY) {
    throw new UmecError(
      "CLI_USAGE",
      `${target.path} would be overwritten, and there is no terminal to ask at`,
      {
        hint: "say --yes if that is meant",
      },
    );
  }
  const loss = image ? "All that is on it will be lost." : "Its umec.json will be overwritten.";
  const whom = text === undefined ? "" : ` It will be ${JSON.parse(text).node}.`;
  stderr.write(describeTarget(target));
  // Not as a terminal: then Ctrl-C stays the signal that it is everywhere else.
  const lines = createInterface({ input: process.stdin, output: stderr, terminal: false });
  try {
    const closed = once(lines, "close").then(() => "");
    const answer = await Promise.race([
      lines.question(`${loss}${whom} Type yes to go on: `, { signal }),
      closed,
    ]);
    if (answer.trim() === "yes") return;
  } finally {
    lines.close();
  }
  throw new UmecError("FLASH_DECLINED", "nothing was written");
}

/** How many bytes were written. */
async function write({ image, target, text }: Job, context: Context): Promise<number> {
  const { path, kind } = target;
  const bytes = kind === "disk" ? target.bytes : (image?.bytes ?? target.bytes ?? 0);
  const medium = await openMedium({ path, bytes, kind: kind === "file" && image ? "fresh file" : kind });
  let writtenBytes = 0;
  try {
    if (image) writtenBytes = await writeImage({ image, medium, text, fresh: kind === "file" }, context);
    else if (text !== undefined) await injectConfig(medium, text);
  } finally {
    await medium.close();
  }
  if (kind === "disk" && !(await rereadPartitions(path)) && image) {
    context.stderr.write(`${path}: take the card out and put it in again before you look at it\n`);
  }
  return writtenBytes;
}

interface ImageJob {
  image: Image;
  medium: Medium;
  text: string | undefined;
  fresh: boolean;
}

async function writeImage(
  { image, medium, text, fresh }: ImageJob,
  { stderr, signal }: Context,
): Promise<number> {
  using writing = showRate(stderr, "writing  ");
  using verifying = showRate(stderr, "verifying");
  const bars = { write: writing, verify: verifying };
  try {
    const { writtenBytes } = await flash({
      image,
      medium,
      fresh,
      signal,
      ...(text !== undefined && { config: text }),
      onProgress: (phase, done, all) => bars[phase].update(done, all ?? 0),
    });
    return writtenBytes;
  } catch (error) {
    for (const bar of [writing, verifying]) bar[Symbol.dispose]();
    stderr.write(`${medium.path} holds no whole image now, and no board starts from it: write it again\n`);
    throw error;
  }
}
