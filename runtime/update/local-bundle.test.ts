import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { localBundle, storeLocalBundle } from "./local-bundle.ts";

const scratch = createScratch();

async function* pieces(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

test("a bundle that is brought is whole, or not there", async () => {
  const dir = await scratch();
  await storeLocalBundle(dir, pieces("ab", "cd"), 4);
  assert.equal(await readFile(await localBundle(dir), "utf8"), "abcd");
  await storeLocalBundle(dir, pieces("other"));
  assert.equal(await readFile(await localBundle(dir), "utf8"), "other");
  const torn = storeLocalBundle(dir, pieces("ab"), 4);
  await assert.rejects(torn, (error) => isUmecError(error, "UPDATE_TORN"));
  assert.deepEqual(await readdir(dir), []);
  await assert.rejects(localBundle(dir), (error) => isUmecError(error, "UPDATE_FAILED"));
});

test("one that does not fit is refused before it is written", async () => {
  const dir = await scratch();
  const large = storeLocalBundle(dir, pieces("a"), Number.MAX_SAFE_INTEGER);
  await assert.rejects(large, (error) => isUmecError(error, "UPDATE_NO_SPACE"));
  assert.deepEqual(await readdir(dir), []);
});
