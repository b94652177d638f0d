/** Bundles for tests of what is under a fetch: bytes that no RAUC made, and where they come from. */
import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { silentLog } from "../../log.ts";
import { chunkName } from "../../ota/chunk.ts";
import type { BundleIndex, TreeRange } from "../../ota/index-format.ts";
import { readChunks } from "../../ota/read-chunks.ts";
import type { BundleInfo } from "../types.ts";
import { type FetchOptions, fetchBundle } from "./fetch.ts";
import type { SeedFile } from "./seeds.ts";

/** Cuts the file as the hub does. */
export async function cutBundle(
  path: string,
  bundle: BundleInfo,
  trees: readonly TreeRange[] = [],
): Promise<BundleIndex> {
  const { signal } = new AbortController();
  await using file = await open(path, "r");
  const chunks = [];
  let from = 0;
  for (const { at, bytes } of [...trees, { at: bundle.bytes, bytes: 0 }]) {
    for await (const { offset, content } of readChunks(file, from, at, signal))
      chunks.push({ name: chunkName(content), offset, bytes: content.length });
    from = at + bytes;
  }
  return { bundle, chunks, trees };
}

export async function indexOfPlain(path: string): Promise<BundleIndex> {
  const content = await readFile(path);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return cutBundle(path, { version: "1.0.0", compatible: "umec-test", sha256, bytes: content.length });
}

export interface PlainFetch {
  /** Chunks that were asked for, in order. */
  asked: string[];
  /** What was read of slots, in order. */
  reads: { path: string; position: number; bytes: number }[];
  /** Resolves with the error when it was cut. */
  run(): Promise<string | Error>;
}

/** @param cut is called before each chunk and each read of a slot; what it returns ends the fetch */
export function plainFetch(
  options: Pick<FetchOptions, "seeds" | "dir"> & { index: BundleIndex; content: Uint8Array },
  cut: (fetch: PlainFetch) => boolean = () => false,
): PlainFetch {
  const { index, content, seeds, dir } = options;
  const ended = new AbortController();
  const { signal } = ended;
  const fetch: PlainFetch = {
    asked: [],
    reads: [],
    run: () =>
      fetchBundle({
        ...{ seeds, dir, signal, bundle: index.bundle, log: silentLog, rateBytesPerS: 1e9, reserveBytes: 0 },
        source: {
          index: async () => index,
          async chunk({ name }) {
            may();
            fetch.asked.push(name);
            const { offset, bytes } = index.chunks.find((chunk) => chunk.name === name)!;
            return content.subarray(offset, offset + bytes);
          },
        },
        async openSeed(path): Promise<SeedFile> {
          const file = await open(path, "r");
          return {
            async read(buffer, offset, length, position) {
              may();
              const { bytesRead } = await file.read(buffer, offset, length, position);
              fetch.reads.push({ path, position, bytes: bytesRead });
              return { bytesRead };
            },
            close: () => file.close(),
          };
        },
      }).catch((error: Error) => error),
  };
  const may = (): void => {
    if (cut(fetch)) ended.abort(new Error("cut"));
    signal.throwIfAborted();
  };
  return fetch;
}
