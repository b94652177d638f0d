/**
 * Fetches a bundle in chunks, and of those only what the node does not have.
 *
 * What it promises:
 * 1. **It goes on where it was**, after a cut of the link, the process or the power at any moment, days later too. What is on
 *    disk is not asked for again (part-file.ts), and what was searched is not searched again (record-file.ts).
 * 2. **What it hands over is the bundle**: each chunk was checked by its name, and the whole by its checksum and length,
 *    read back from the disk, before it has its final name. Its signature is for the engine to check.
 * 3. **Slots are only read** (`seeds`): a damaged or foreign one costs what could have been taken from it.
 * 4. **It does not harm others**: rate and window (flow.ts), a disk that keeps a reserve, 50 % of a processor while it
 *    searches and hashes, a few megabytes of memory.
 * 5. **Nothing polls**: without a link it waits for the event that there is one (link-gate.ts).
 *
 * Hash trees are computed, not carried (../../ota/verity-tree.ts).
 */
import { readFile, rm } from "node:fs/promises";
import { writeDurable } from "../../durable-file.ts";
import { UmecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { type ChunkRef, chunkName } from "../../ota/chunk.ts";
import { type BundleIndex, cutIndex, decodeIndex, encodeIndex } from "../../ota/index-format.ts";
import type { BundleInfo } from "../types.ts";
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
import { PartFile } from "./part-file.ts";
import { RecordFile } from "./record-file.ts";
import { type SeedOptions, takeFromSeeds } from "./seeds.ts";
import type { BundleSource, CarryProgress } from "./types.ts";

export interface FetchOptions {
  source: BundleSource;
  bundle: BundleInfo;
  /** Files or block devices that may have parts of it: the slots. Those that can't be opened are left out. */
  seeds: readonly string[];
  /** Belongs to this alone; what is of other bundles in it is removed. */
  dir: string;
  /** @default 512 KiB a second */
  rateBytesPerS?: number;
  /** What is to stay free on the disk. @default 16 MiB */
  reserveBytes?: number;
  onProgress?(progress: CarryProgress): void;
  /** Opens one of the seeds. @default for reading */
  openSeed?: SeedOptions["openSeed"];
  log: Log;
  signal: AbortSignal;
}

const defaultRateBytesPerS = 512 * 1024;
const defaultReserveBytes = 16 * 2 ** 20;
/** How often a file that does not fit is looked through for what is wrong. */
const mostRounds = 3;

/**
 * Resolves with the path of the whole, verified bundle.
 *
 * @throws UmecError `UPDATE_NOT_AT_HUB`, `UPDATE_NO_SPACE`, `UPDATE_DAMAGED`, `OTA_CHUNK_DAMAGED`, `OTA_INDEX_INVALID`; the
 *   signal's reason. After each of them it may be called again, and goes on.
 */
export async function fetchBundle(options: FetchOptions): Promise<string> {
  const { bundle, dir, reserveBytes = defaultReserveBytes, signal } = options;
  const files = carryFiles(dir, bundle.sha256);
  await clearFor(dir, bundle.sha256);
  if (await isWhole(files, bundle, signal)) return files.whole;
  await requireSpace(files, bundle.bytes, reserveBytes);
  const index = await indexFor(files, options);
  return sayingFull(files, async () => {
    await fill(files, index, options);
    await finish(files);
    return files.whole;
  });
}

/** From the disk, or else from the hub. */
async function indexFor(files: CarryFiles, { source, bundle, signal }: FetchOptions): Promise<BundleIndex> {
  try {
    return decodeIndex(bundle, await readFile(files.index));
  } catch {
    // There is none, or it is damaged.
  }
  const index = await source.index(bundle, await knownPieces(files), signal);
  await writeDurable(files.index, Buffer.concat(encodeIndex(index).pieces));
  return index;
}

/** Of the index that was fetched last. Nothing in it is believed: a piece is what its name says, or is not asked for by it. */
async function knownPieces(files: CarryFiles): Promise<Map<string, Uint8Array>> {
  const last = await readFile(files.last).catch(() => Buffer.alloc(0));
  return new Map(cutIndex(last).map((piece) => [chunkName(piece), piece]));
}

async function fill(files: CarryFiles, index: BundleIndex, options: FetchOptions): Promise<void> {
  const { bundle, signal, log, openSeed } = options;
  const record = await RecordFile.open(files.record, index);
  await using part = await PartFile.open(files.part, index, record, signal);
  const progress = { fetchedBytes: 0 };
  const tell = (): void =>
    options.onProgress?.({ doneBytes: part.doneBytes, allBytes: bundle.bytes, ...progress });
  tell();
  await takeFromSeeds(part, options.seeds, { log, signal, onTaken: tell, openSeed });
  for (let round = 1; ; round++) {
    await fetchMissing(part, options, (bytes) => {
      progress.fetchedBytes += bytes;
      tell();
    });
    await part.sync();
    await part.putTrees(signal);
    if ((await sha256Of(files.part, signal)) === bundle.sha256) return;
    // What was written is not what is there, or the index is wrong.
    await part.lookAgain(signal);
    if (!part.isComplete && round < mostRounds) {
      log.warn("a part of an update was damaged on the disk", { chunks: part.missing().length });
      continue;
    }
    for (const path of [files.index, files.record, files.part]) await rm(path, { force: true });
    throw new UmecError(
      "UPDATE_DAMAGED",
      `what was fetched as ${bundle.sha256} has another checksum: its index is wrong, or the disk fails`,
      { hint: "umec ota push the bundle again; if that does not help, look at the disk" },
    );
  }
}

async function fetchMissing(
  part: PartFile,
  { source, rateBytesPerS = defaultRateBytesPerS, signal: outer }: FetchOptions,
  onFetched: (bytes: number) => void,
): Promise<void> {
  const flow = new Flow(rateBytesPerS);
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const waiting = new Set<Promise<void>>();
  const bring = async (ref: ChunkRef): Promise<void> => {
    const askedMs = performance.now();
    let tookMs: number | undefined;
    try {
      const content = await source.chunk(ref, signal);
      tookMs = performance.now() - askedMs;
      await part.put(ref.name, content);
    } finally {
      flow.leave(tookMs);
    }
    onFetched(ref.bytes);
  };
  try {
    for (const ref of part.missing()) {
      await flow.enter(ref.bytes, signal);
      const one = bring(ref)
        .catch((error: unknown) => failed.abort(error))
        .finally(() => waiting.delete(one));
      waiting.add(one);
    }
  } finally {
    await Promise.all(waiting);
  }
  signal.throwIfAborted();
}
