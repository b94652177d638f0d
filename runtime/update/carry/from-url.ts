/**
 * The same bundle by HTTP(S), for those who serve files: the whole of it, as it is.
 *
 * A cut at any byte costs nothing that was on disk: it goes on by a range request. A server that can't do ranges sends it
 * from the start. What came is the bundle when its checksum says so; one that does not fit is thrown away once, as the
 * file may have been another on the day before.
 */
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { decorrelatedJitterGenerator, ExponentialBackoff, type IBackoff } from "cockatiel";
import { isUmecError, messageOf, UmecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { BundleInfo } from "../types.ts";
import { defaultRateBytesPerS, defaultReserveBytes } from "./fetch.ts";
import {
  type CarryFiles,
  carryFiles,
  clearFor,
  finish,
  isWhole,
  requireSpace,
  sayingFull,
  sha256Of,
} from "./files.ts";
import { Flow } from "./flow.ts";
import type { CarryProgress } from "./types.ts";

export interface UrlOptions {
  /** `http:` or `https:`; for the latter the system's certificates count. */
  url: string;
  bundle: BundleInfo;
  /** As of `fetchBundle`. */
  dir: string;
  rateBytesPerS?: number;
  reserveBytes?: number;
  onProgress?(progress: CarryProgress): void;
  log: Log;
  signal: AbortSignal;
  /** After so long without a byte it dials anew. @default 60_000 */
  silenceMs?: number;
}

const defaultSilenceMs = 60_000;
const syncEveryBytes = 2 ** 20;
const backoffOptions = { initialDelay: 1000, maxDelay: 300_000, generator: decorrelatedJitterGenerator };
/** What will not be otherwise when it is asked again. */
const final = new Set([400, 401, 403, 404, 405, 410, 451]);

/**
 * Resolves with the path of the whole, verified bundle. Tries again for as long as the signal lets it.
 *
 * @throws UmecError `UPDATE_URL_REFUSED`, `UPDATE_NO_SPACE`, `UPDATE_DAMAGED`; the signal's reason
 */
export async function fetchFromUrl(options: UrlOptions): Promise<string> {
  const { bundle, dir, signal, log, reserveBytes = defaultReserveBytes } = options;
  const files = carryFiles(dir, bundle.sha256);
  await clearFor(dir, bundle.sha256);
  if (await isWhole(files, bundle, signal)) return files.whole;
  await sequential(files, bundle);
  await requireSpace(files, bundle.bytes, reserveBytes);
  return sayingFull(files, async () => {
    for (let round = 1; ; round++) {
      await persist(files, options);
      if ((await sha256Of(files.part, signal)) === bundle.sha256) break;
      await rm(files.part, { force: true });
      if (round === 2) {
        throw new UmecError("UPDATE_DAMAGED", `${options.url} is not the bundle ${bundle.sha256}`, {
          hint: "does the server have the file that was ordered?",
        });
      }
      log.warn("what came by HTTP has another checksum; once more from the start", { url: options.url });
    }
    await finish(files);
    return files.whole;
  });
}

/** A part with holes is of a fetch by the link, and says nothing of its length: it can't be gone on with. */
async function sequential(files: CarryFiles, bundle: BundleInfo): Promise<void> {
  const there = await stat(files.part).catch(() => undefined);
  const byLink = await stat(files.index).catch(() => undefined);
  if (byLink || (there?.size ?? 0) > bundle.bytes) {
    for (const path of [files.part, files.index, files.seeded]) await rm(path, { force: true });
  }
}

/** Until the part is as long as the bundle. */
async function persist(files: CarryFiles, options: UrlOptions): Promise<void> {
  const { bundle, signal, log } = options;
  let backoff: IBackoff<unknown> | undefined;
  for (;;) {
    await using file = await open(files.part, "a+", 0o600);
    const before = (await file.stat()).size;
    if (before >= bundle.bytes) return;
    try {
      await appendFrom(file, before, options);
    } catch (error) {
      signal.throwIfAborted();
      if (isUmecError(error) || (error as NodeJS.ErrnoException).code === "ENOSPC") throw error;
      log.debug("an update by HTTP was cut", { reason: messageOf(error) });
    }
    const after = (await file.stat()).size;
    await file.datasync();
    if (after >= bundle.bytes) return;
    backoff = (
      backoff && after <= before ? backoff.next(undefined) : new ExponentialBackoff(backoffOptions).next()
    ) as IBackoff<unknown>;
    await delay(backoff.duration, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function appendFrom(file: FileHandle, from: number, options: UrlOptions): Promise<void> {
  const { url, bundle, onProgress, signal, silenceMs = defaultSilenceMs } = options;
  const silent = new AbortController();
  const watch = setTimeout(() => silent.abort(new Error(`no byte came in ${silenceMs} ms`)), silenceMs);
  try {
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (from > 0) headers.range = `bytes=${from}-`;
    const response = await fetch(url, { headers, signal: AbortSignal.any([signal, silent.signal]) });
    if (final.has(response.status)) {
      throw new UmecError("UPDATE_URL_REFUSED", `${url} answers ${response.status} ${response.statusText}`, {
        hint: "is the address right, and is the file there for this node?",
      });
    }
    let at = from;
    if (response.status === 200 || response.status === 416) {
      await file.truncate(0);
      at = 0;
    } else if (!continues(response, from)) throw new Error(`the server answered ${response.status}`);
    if (response.status === 416) return;
    const flow = new Flow(options.rateBytesPerS ?? defaultRateBytesPerS);
    let unsynced = 0;
    for await (const piece of response.body ?? []) {
      watch.refresh();
      await flow.enter(piece.length, signal);
      flow.leave();
      const room = piece.subarray(0, bundle.bytes - at);
      await file.write(room);
      at += room.length;
      unsynced += room.length;
      onProgress?.({ doneBytes: at, allBytes: bundle.bytes, fetchedBytes: at - from });
      if (room.length < piece.length) return;
      if (unsynced < syncEveryBytes) continue;
      unsynced = 0;
      await file.datasync();
    }
  } finally {
    clearTimeout(watch);
  }
}

function continues(response: Response, from: number): boolean {
  return (
    response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${from}-`) === true
  );
}
