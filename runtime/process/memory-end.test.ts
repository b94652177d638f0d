import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../test-scratch.ts";
import { whyForMemory, withUnit } from "./memory-end.ts";

const scratch = createScratch();

/** The file as Linux 6.12 writes it. */
async function why(counts: Record<string, number>, memoryBytes?: number) {
  const path = await scratch();
  const all = { low: 0, high: 0, max: 0, oom: 0, oom_kill: 0, oom_group_kill: 0, ...counts };
  const text = Object.entries(all).map(([name, count]) => `${name} ${count}\n`);
  await writeFile(join(path, "memory.events"), text.join(""));
  return whyForMemory(path, memoryBytes);
}

test("who was ended over its own limit is told so, with the limit", async () => {
  const error = await why({ max: 214, oom: 1, oom_kill: 2, oom_group_kill: 1 }, 64 * 2 ** 20);
  assert.equal(error?.code, "PROCESS_MEMORY");
  assert.equal(error?.message, "it was killed for memory: over memoryBytes 64 MiB");
});

test("who was ended because others had taken all is not blamed", async () => {
  assert.match((await why({ oom_kill: 1 }, 2 ** 26))?.message ?? "", /the machine, or the service/);
  assert.match((await why({ oom: 1, oom_kill: 1 }))?.message ?? "", /the machine, or the service/);
});

test("who was at its limit and not ended, ended for another reason", async () => {
  assert.equal(await why({ max: 12 }, 2 ** 26), undefined);
  assert.equal(await whyForMemory(join(await scratch(), "none"), 2 ** 26), undefined);
});

test("sizes are said as they are written", () => {
  assert.deepEqual([2 ** 30, 1536 * 2 ** 20, 6 * 2 ** 10, 4_194_305].map(withUnit), [
    "1 GiB",
    "1536 MiB",
    "6 KiB",
    "4194305 B",
  ]);
});
