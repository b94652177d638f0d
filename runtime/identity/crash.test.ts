import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import { openIdentity, seedName } from "./identity.ts";

const scratch = createScratch();
const child = fileURLToPath(new URL("test-crash.ts", import.meta.url));

/** Opens the identity in a process that dies at that step; the link key if it got to the end before. */
function openAndDie(dir: string, step: number, kek?: Buffer): string | undefined {
  const args = [child, dir, String(step), ...(kek ? [kek.toString("hex")] : [])];
  const { signal, stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (signal === "SIGKILL") return undefined;
  assert.equal(status, 0, stderr);
  return stdout;
}

test("killed at any step of the first start, a node gets keys at the next, and keeps them", async () => {
  let steps = 0;
  for (let step = 1; ; step++) {
    const dir = join(await scratch(), "data", "keys");
    const told = openAndDie(dir, step);
    const { keys } = await openIdentity({ dir, log: silentLog });
    assert.deepEqual((await openIdentity({ dir, log: silentLog })).keys, keys);
    if (told === undefined) continue;
    assert.equal(keys.link, told);
    steps = step - 1;
    break;
  }
  // Directories with their parents, the file, its name: fewer would mean that something is not flushed.
  assert.ok(steps >= 10, `${steps} steps`);
});

test("killed at any step of sealing a plain seed, a node keeps its keys, and ends with them sealed", async () => {
  const plain = join(await scratch(), "keys");
  const { keys } = await openIdentity({ dir: plain, log: silentLog });
  const kek = randomBytes(32);
  let steps = 0;
  for (let step = 1; ; step++) {
    const dir = join(await scratch(), "keys");
    await cp(plain, dir, { recursive: true, mode: 0 });
    const told = openAndDie(dir, step, kek);
    const after = await openIdentity({ dir, kek, log: silentLog });
    assert.deepEqual(after.keys, keys, `killed at step ${step}`);
    const file = JSON.parse(await readFile(join(dir, seedName), "utf8"));
    assert.deepEqual(Object.keys(file), ["version", "link", "sealed"]);
    if (told === undefined) continue;
    steps = step - 1;
    break;
  }
  assert.ok(steps >= 8, `${steps} steps`);
});
