import { open } from "node:fs/promises";
import { messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { chunkName } from "../../ota/chunk.ts";
import { chunkSizes } from "../../ota/chunker.ts";
import { type Readable, readChunks } from "../../ota/read-chunks.ts";
import { Breath } from "./breath.ts";
import type { PartFile } from "./part-file.ts";
import type { Searched } from "./record-file.ts";
import { Samples } from "./samples.ts";

/** A few seconds of a small board. */
const recordEveryBytes = 8 * 2 ** 20;

export interface SeedFile extends Readable {
  close(): Promise<void>;
}

export interface SeedOptions {
  log: Log;
  signal: AbortSignal;
  onTaken(): void;
  /** @default for reading */
  openSeed?: ((path: string) => Promise<SeedFile>) | undefined;
}

/**
 * Takes from files or block devices that are on the node what the part wants. They are cut as the bundle was, so what is the
 * same in both has the same names, wherever it lies. One that can't be read, or not to its end, is left there.
 *
 * How far each was searched is recorded each 8 MiB and at its end (record-file.ts). One that has the samples it had then is
 * searched on from there; another one is searched anew.
 */
export async function takeFromSeeds(
  part: PartFile,
  seeds: readonly string[],
  { log, signal, onTaken, openSeed = (path) => open(path, "r") }: SeedOptions,
): Promise<void> {
  for (const path of seeds) {
    if (part.isComplete) return;
    let file: SeedFile | undefined;
    try {
      file = await openSeed(path);
      await takeFrom(path, file, part, signal, onTaken);
    } catch (error) {
      signal.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw error;
      log.warn("a slot could not be searched for what an update has in common with it", {
        path,
        reason: messageOf(error),
      });
    } finally {
      await file?.close();
    }
  }
}

async function takeFrom(
  path: string,
  file: SeedFile,
  part: PartFile,
  signal: AbortSignal,
  onTaken: () => void,
): Promise<void> {
  const breath = new Breath();
  const { searched } = part.record;
  const known = await searchedBefore(file, searched.get(path), signal);
  const { samples, bytes: start } = known ?? { samples: new Samples(), bytes: 0 };
  const emptyName = chunkName(Buffer.alloc(chunkSizes.maxBytes));
  let recorded = start;
  let at = start;
  const record = async (): Promise<void> => {
    searched.set(path, { bytes: at, samples: samples.digest() });
    await part.sync();
    recorded = at;
  };
  // A block device does not say its length; its end is where nothing is read any more.
  for await (const { offset, content, isEmpty } of readChunks(file, start, Number.MAX_SAFE_INTEGER, signal)) {
    const name = isEmpty ? emptyName : chunkName(content);
    if (part.wants(name)) {
      await part.put(name, content);
      onTaken();
    }
    samples.add(offset, content);
    at = offset + content.length;
    if (part.isComplete) break;
    if (at - recorded >= recordEveryBytes) await record();
    await breath.take(content.length, signal);
  }
  if (at > recorded) await record();
}

/** As far as it still is what was searched; `undefined` when it is another. */
async function searchedBefore(
  file: SeedFile,
  known: Searched | undefined,
  signal: AbortSignal,
): Promise<{ samples: Samples; bytes: number } | undefined> {
  if (!known) return undefined;
  const samples = await Samples.of(file, known.bytes, signal);
  return samples?.digest() === known.samples ? { samples, bytes: known.bytes } : undefined;
}
