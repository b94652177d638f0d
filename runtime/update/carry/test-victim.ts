/**
 * A process that fetches, and dies of it: test-victim.ts <bundle> <its BundleIndex as JSON> <folder> <journal> <asks>
 *
 * Its source is the bundle's file. It writes the name of each chunk that it asks for into the journal, and kills itself soon
 * after so many.
 */
import { appendFileSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "../../log.ts";
import type { BundleIndex } from "../../ota/index-format.ts";
import { readFully } from "../../ota/read-chunks.ts";
import { fetchBundle } from "./fetch.ts";

const [path, indexPath, dir, journal, asks] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
let left = Number(asks);
const index = JSON.parse(await readFile(indexPath, "utf8")) as BundleIndex;
const file = await open(path, "r");
const { signal } = new AbortController();
await fetchBundle({
  source: {
    index: async () => index,
    async chunk({ name, bytes }) {
      appendFileSync(journal, `${name}\n`);
      // While a chunk is waited for, is written, or is on its way to the disk.
      if (--left === 0) setTimeout(() => process.kill(process.pid, "SIGKILL"), Number(asks) % 4);
      const { offset } = index.chunks.find((chunk) => chunk.name === name) ?? { offset: 0 };
      const content = Buffer.alloc(bytes);
      // As a link would: an answer takes its time.
      await delay(1);
      if (!(await readFully(file, content, offset))) throw new Error(`${name} is not in the bundle`);
      return content;
    },
  },
  bundle: index.bundle,
  seeds: [],
  dir,
  rateBytesPerS: 1e9,
  reserveBytes: 0,
  log: silentLog,
  signal,
});
await file.close();
