import assert from "node:assert/strict";
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../test-scratch.ts";
import { replaceTargetFile } from "./replace-file.ts";

const scratch = createScratch();

test("the new file has the mode of the old one, which stays beside it; one that is too large changes nothing", async () => {
  const dir = await scratch();
  const path = join(dir, "node.yaml");
  await replaceTargetFile(path, "node: n1\n");
  assert.deepEqual(await readdir(dir), ["node.yaml"]);
  await writeFile(path, "node: n2\n");
  await chmod(path, 0o640);
  await replaceTargetFile(path, "node: n3\n");
  const found = async (name: string) => [
    await readFile(join(dir, name), "utf8"),
    (await stat(join(dir, name))).mode & 0o777,
  ];
  assert.deepEqual(await found("node.yaml"), ["node: n3\n", 0o640]);
  assert.deepEqual(await found("node.yaml.previous"), ["node: n2\n", 0o640]);
  await assert.rejects(replaceTargetFile(path, "x".repeat(1_048_577)), { code: "TARGET_INVALID" });
  assert.deepEqual(await found("node.yaml"), ["node: n3\n", 0o640]);
  assert.deepEqual((await readdir(dir)).sort(), ["node.yaml", "node.yaml.previous"]);
});
