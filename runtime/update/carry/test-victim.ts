/**
 * A process that fetches, and dies of it: test-victim.ts <VictimTask as JSON>
 *
 * Its source is the bundle's file. It writes into the journal the name of each chunk that it asks for, and `slot <bytes>` for
 * each read of a slot that searches it, and kills itself soon after so many.
 */
import { appendFileSync, copyFileSync } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "../../log.ts";
import type { BundleIndex } from "../../ota/index-format.ts";
import { readFully } from "../../ota/read-chunks.ts";
import { fetchBundle } from "./fetch.ts";
import { carryFiles } from "./files.ts";

export interface VictimTask {
  /** Paths of the bundle, its BundleIndex as JSON, the folder and the journal. */
  bundle: string;
  index: string;
  dir: string;
  journal: string;
  seeds: readonly string[];
  /** Its last ones. */
  asks: number;
  reads?: number;
  /** Gets what of the part a cut of the power would leave at least: what was there when a sync began. */
  disk?: string;
}

const task = JSON.parse(process.argv[2]!) as VictimTask;
const index = JSON.parse(await readFile(task.index, "utf8")) as BundleIndex;
const file = await open(task.bundle, "r");
const left = { asks: task.asks, reads: task.reads ?? Number.POSITIVE_INFINITY };

/** Kills itself while the last one is waited for, is written, or is on its way to the disk. */
function count(what: "asks" | "reads", line: string): void {
  appendFileSync(task.journal, `${line}\n`);
  if (--left[what] === 0) setTimeout(() => process.kill(process.pid, "SIGKILL"), task.asks % 4);
}

const { disk } = task;
if (disk !== undefined) {
  const handles = Object.getPrototypeOf(file) as FileHandle;
  const datasync = handles.datasync;
  // Only the part is synced this way.
  handles.datasync = function (this: FileHandle) {
    copyFileSync(carryFiles(task.dir, index.bundle.sha256).part, disk);
    return datasync.call(this);
  };
}

await fetchBundle({
  source: {
    index: async () => index,
    async chunk({ name, bytes }) {
      count("asks", name);
      const { offset } = index.chunks.find((chunk) => chunk.name === name) ?? { offset: 0 };
      const content = Buffer.alloc(bytes);
      // As a link would: an answer takes its time.
      await delay(1);
      if (!(await readFully(file, content, offset))) throw new Error(`${name} is not in the bundle`);
      return content;
    },
  },
  bundle: index.bundle,
  seeds: task.seeds,
  async openSeed(path) {
    const seed = await open(path, "r");
    return {
      async read(...args) {
        const { bytesRead } = await seed.read(...args);
        // Not the samples that say whether the slot is the one that it was.
        if (bytesRead > 4096) count("reads", `slot ${bytesRead}`);
        return { bytesRead };
      },
      close: () => seed.close(),
    };
  },
  dir: task.dir,
  rateBytesPerS: 1e9,
  reserveBytes: 0,
  log: silentLog,
  signal: new AbortController().signal,
});
await file.close();
