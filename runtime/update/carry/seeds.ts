import { type FileHandle, open } from "node:fs/promises";
import { messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { chunkName } from "../../ota/chunk.ts";
import { readChunks } from "../../ota/read-chunks.ts";
import { Breath } from "./breath.ts";
import type { PartFile } from "./part-file.ts";

/**
 * Takes from files or block devices that are on the node what the part wants. They are cut as the bundle was, so what is the
 * same in both has the same names, wherever it lies. One that can't be read, or not to its end, is left there.
 */
export async function takeFromSeeds(
  part: PartFile,
  seeds: readonly string[],
  { log, signal, onTaken }: { log: Log; signal: AbortSignal; onTaken(): void },
): Promise<void> {
  for (const path of seeds) {
    let file: FileHandle | undefined;
    try {
      file = await open(path, "r");
      await takeFrom(file, part, signal, onTaken);
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
  await part.sync();
}

async function takeFrom(
  file: FileHandle,
  part: PartFile,
  signal: AbortSignal,
  onTaken: () => void,
): Promise<void> {
  const breath = new Breath();
  // A block device does not say its length; its end is where nothing is read any more.
  for await (const { content } of readChunks(file, 0, Number.MAX_SAFE_INTEGER, signal)) {
    const name = chunkName(content);
    if (part.wants(name)) {
      await part.put(name, content);
      onTaken();
    }
    await breath.take(content.length, signal);
  }
}
