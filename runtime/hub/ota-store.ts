/**
 * Bundles in the stream OTA (ota-stream.ts): written, listed, removed.
 *
 * An upload that was cut goes on where it was: chunks that are there are not sent again, be they of the same bundle or of
 * another. What it left behind without an index is removed by the next removal.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { type ChunkRef, chunkName, decodeChunk, encodeChunk } from "../ota/chunk.ts";
import { findTrees } from "../ota/find-trees.ts";
import {
  type BundleIndex,
  decodeIndex,
  encodeIndex,
  type IndexHead,
  parseHead,
  type TreeRange,
} from "../ota/index-format.ts";
import { readManifest } from "../ota/raucb.ts";
import { readChunks } from "../ota/read-chunks.ts";
import { otaChunkTokens, otaIndexTokens, otaRoot, otaStream } from "../subjects.ts";
import type { BundleInfo } from "../update/types.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";
import { listOta, lockOta, type OtaLock, type OtaStreamOptions, provisionOta } from "./ota-stream.ts";

/** How many messages wait for their acknowledgement. */
const atOnce = 16;

export interface UploadOptions extends OtaStreamOptions {
  /** In the fleet's account. */
  nc: NatsConnection;
  path: string;
  /** As `readBundleInfo` found it. */
  info: BundleInfo;
  /** Bytes of the file. */
  onProgress?(done: number, all: number): void;
  signal: AbortSignal;
}

export interface Uploaded {
  chunks: number;
  /** Those that were not there. */
  newChunks: number;
  /** As stored. */
  newBytes: number;
  /** Bytes of hash trees, which nodes compute. */
  treeBytes: number;
  indexBytes: number;
}

/**
 * Stores a bundle so that nodes can fetch it; makes the stream if there is none.
 *
 * @throws UmecError `OTA_FILE_CHANGED`, `OTA_NO_BUNDLE`, `HUB_OTA_BUSY`, `HUB_OTA_FULL`, and as `provisionStream` does;
 *   the signal's reason
 */
export async function uploadBundle(options: UploadOptions): Promise<Uploaded> {
  const { nc, path, info, onProgress, signal } = options;
  await provisionOta(nc, options);
  const manifest = await readManifest(path);
  await using file = await open(path, "r");
  const trees = await findTrees(file, manifest, signal);
  await using lock = await lockOta(nc);
  const store = new ChunkWriter(nc, lock, await listOta(nc, "chunk").catch(fail));
  const whole = createHash("sha256");
  const chunks: ChunkRef[] = [];
  for (const [start, end, tree] of partsOf(info.bytes, trees)) {
    for await (const { offset, content } of readChunks(file, start, end, signal)) {
      whole.update(content);
      onProgress?.(offset + content.length, info.bytes);
      if (tree) continue;
      const name = chunkName(content);
      chunks.push({ name, offset, bytes: content.length });
      await store.put(name, content).catch(fail);
    }
  }
  const done = chunks.reduce((sum, { bytes }) => sum + bytes, 0) + sumOf(trees);
  if (done !== info.bytes || whole.digest("hex") !== info.sha256) {
    throw new UmecError("OTA_FILE_CHANGED", `${path} is no longer the file that was looked at before`, {
      hint: "try again when nobody writes it",
    });
  }
  const { head, pieces } = encodeIndex({ bundle: info, chunks, trees });
  const { newChunks, newBytes } = store;
  for (const piece of pieces) await store.put(chunkName(piece), piece).catch(fail);
  await store.settled().catch(fail);
  await store.putHead(head).catch(fail);
  const indexBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  return { chunks: chunks.length, newChunks, newBytes, treeBytes: sumOf(trees), indexBytes };
}

function sumOf(trees: readonly TreeRange[]): number {
  return trees.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The file as ranges, each a tree or what lies between two. */
function* partsOf(bytes: number, trees: readonly TreeRange[]): Generator<[number, number, boolean]> {
  let from = 0;
  for (const tree of trees) {
    yield [from, tree.at, false];
    from = tree.at + tree.bytes;
    yield [tree.at, from, true];
  }
  yield [from, bytes, false];
}

function fail(error: unknown): never {
  // Maximum bytes, or storage of the server, exceeded.
  if ([10047, 10077].includes(apiCode(error) ?? 0)) {
    throw new UmecError("HUB_OTA_FULL", "the hub has no room for more updates", {
      cause: error,
      hint: "remove old ones: umec ota prune --keep 2",
    });
  }
  throw hubError("store the bundle", error);
}

class ChunkWriter {
  readonly #nc: NatsConnection;
  readonly #lock: OtaLock;
  readonly #there: Set<string>;
  readonly #waiting = new Set<Promise<unknown>>();
  #failed: { error: unknown } | undefined;
  newChunks = 0;
  newBytes = 0;

  constructor(nc: NatsConnection, lock: OtaLock, there: Set<string>) {
    this.#nc = nc;
    this.#lock = lock;
    this.#there = there;
  }

  async put(name: string, content: Uint8Array): Promise<void> {
    await this.#lock.renew();
    if (this.#there.has(name)) return;
    this.#there.add(name);
    const body = encodeChunk(content);
    this.newChunks++;
    this.newBytes += body.length;
    const sent = this.#publish(otaChunkTokens(name), body)
      .catch((error: unknown) => {
        this.#failed ??= { error };
      })
      .finally(() => this.#waiting.delete(sent));
    this.#waiting.add(sent);
    if (this.#waiting.size >= atOnce) await Promise.race(this.#waiting);
    this.#check();
  }

  /** Resolves when all that was put is on disk. */
  async settled(): Promise<void> {
    await Promise.all(this.#waiting);
    this.#check();
  }

  async putHead(head: IndexHead): Promise<void> {
    await this.#publish(otaIndexTokens(head.bundle.sha256), Buffer.from(JSON.stringify(head)));
  }

  #publish(tokens: string, body: Uint8Array): Promise<unknown> {
    return jetstream(this.#nc).publish(`${otaRoot}.${tokens}`, body, { expect: { streamName: otaStream } });
  }

  #check(): void {
    if (this.#failed) throw this.#failed.error;
  }
}

export interface StoredBundle {
  info: BundleInfo;
  /** Unix time in milliseconds. */
  storedMs: number;
}

/** The bundles that nodes can fetch, the newest first; none where there is no stream. @throws UmecError */
export async function listBundles(nc: NatsConnection): Promise<StoredBundle[]> {
  try {
    const heads = [];
    for (const sha256 of await listOta(nc, "index")) {
      const message = await lastOf(nc, otaIndexTokens(sha256));
      if (message) heads.push({ info: parseHead(message.data).bundle, storedMs: message.time.getTime() });
    }
    return heads.sort((a, b) => b.storedMs - a.storedMs);
  } catch (error) {
    if (apiCode(error) === apiCodes.streamNotFound) return [];
    throw hubError("list the bundles", error);
  }
}

/**
 * Removes bundles, and then all chunks that no bundle has in it.
 *
 * A node that is fetching one of them does not get it to the end.
 *
 * @param unwanted asked of each bundle
 * @throws UmecError `HUB_OTA_BUSY`, and as `provisionStream` does
 */
export async function pruneBundles(
  nc: NatsConnection,
  unwanted: (bundle: StoredBundle) => boolean,
): Promise<{ bundles: BundleInfo[]; chunks: number }> {
  const all = await listBundles(nc);
  if (all.length === 0 && !(await isThere(nc))) return { bundles: [], chunks: 0 };
  await using lock = await lockOta(nc);
  try {
    const { streams } = await jetstreamManager(nc, { checkAPI: false });
    const removed = all.filter(unwanted).map(({ info }) => info);
    for (const { sha256 } of removed)
      await streams.purge(otaStream, { filter: `${otaRoot}.${otaIndexTokens(sha256)}` });
    const named = new Set<string>();
    for (const sha256 of await listOta(nc, "index")) {
      const { head, index } = await readIndex(nc, sha256);
      for (const [name] of head.body) named.add(name);
      for (const { name } of index.chunks) named.add(name);
    }
    let chunks = 0;
    for (const name of await listOta(nc, "chunk")) {
      if (named.has(name)) continue;
      await lock.renew();
      await streams.purge(otaStream, { filter: `${otaRoot}.${otaChunkTokens(name)}` });
      chunks++;
    }
    return { bundles: removed, chunks };
  } catch (error) {
    throw hubError("remove bundles", error);
  }
}

async function isThere(nc: NatsConnection): Promise<boolean> {
  const { streams } = await jetstreamManager(nc, { checkAPI: false });
  return streams.info(otaStream).then(
    () => true,
    (error: unknown) => {
      if (apiCode(error) === apiCodes.streamNotFound) return false;
      throw hubError("remove bundles", error);
    },
  );
}

async function readIndex(
  nc: NatsConnection,
  sha256: string,
): Promise<{ head: IndexHead; index: BundleIndex }> {
  const message = await lastOf(nc, otaIndexTokens(sha256));
  if (!message) throw new UmecError("HUB_OTA_BUSY", `the bundle ${sha256} was removed just now`);
  const head = parseHead(message.data);
  const pieces: Uint8Array[] = [];
  for (const [name, bytes] of head.body) {
    const piece = await lastOf(nc, otaChunkTokens(name));
    pieces.push(decodeChunk(piece?.data ?? new Uint8Array(0), { name, bytes }));
  }
  return { head, index: decodeIndex(head.bundle, Buffer.concat(pieces)) };
}

async function lastOf(
  nc: NatsConnection,
  tokens: string,
): Promise<{ data: Uint8Array; time: Date } | undefined> {
  const { streams } = await jetstreamManager(nc, { checkAPI: false });
  const message = await streams.getMessage(otaStream, { last_by_subj: `${otaRoot}.${tokens}` });
  return message ?? undefined;
}
