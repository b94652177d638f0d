import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import { openApiStore } from "./store.ts";

const scratch = createScratch();
const child = join(import.meta.dirname, "test-crash.ts");

/** What it said before it died. */
async function killAt(step: number, path: string): Promise<{ said: string; killed: boolean }> {
  const args = ["--disable-warning=ExperimentalWarning", child, path, String(step)];
  const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [said, [, signal]] = await Promise.all([text(running.stdout), once(running, "exit")]);
  return { said, killed: signal === "SIGKILL" };
}

test("killed at any step, the store has all that was said to be on disk, and no half of a change", async () => {
  let crashes = 0;
  for (let step = 1; ; step++) {
    const path = join(await scratch(), "api", "store.json");
    const { said, killed } = await killAt(step, path);
    const damage: string[] = [];
    const log = { ...silentLog, error: (message: string) => void damage.push(message) };
    const store = await openApiStore({ path, log });
    assert.deepEqual(damage, [], `step ${step}`);
    const lines = said.split("\n").filter((line) => line !== "");
    const told = lines.filter((line) => line !== "end").length;
    const count = store.get<number>("count", "a")?.value ?? 0;
    const seen = store.list<{ i: number }>("seen").map(({ value }) => value.i);
    assert.ok(count === told || count === told + 1, `step ${step}: ${count} after ${told}`);
    const last = seen.at(-1) ?? 0;
    assert.ok(last === count || last === count - 1, `step ${step}: ${seen} beside ${count}`);
    if (lines.includes("end")) assert.deepEqual(seen, [2, 3]);
    await store.put("count", "a", 99);
    await store.close();
    if (!killed) break;
    crashes++;
  }
  assert.ok(crashes > 20, `${crashes} steps`);
});
