import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { FileEngine, fileBundle } from "./file-engine.ts";

const scratch = createScratch();
const { signal } = new AbortController();

async function machine() {
  const directory = await scratch();
  const restarts: string[] = [];
  const options = {
    directory: join(directory, "slots"),
    onRestart: (slot: string) => void restarts.push(slot),
  };
  const bundle = async (content: Uint8Array) => {
    const path = join(directory, "bundle");
    await writeFile(path, content);
    return path;
  };
  return { engine: await FileEngine.open(options), again: () => FileEngine.open(options), bundle, restarts };
}

test("a bundle goes to the other slot, which starts next and is good once it is marked", async () => {
  const { engine, again, bundle, restarts } = await machine();
  const percents: number[] = [];
  const path = await bundle(fileBundle({ version: "1.1.0" }));
  const info = await engine.install(path, { signal, onProgress: (percent) => void percents.push(percent) });
  assert.deepEqual([info.version, info.compatible, percents], ["1.1.0", "umec-test", [0, 100]]);
  void engine.restart();
  while (restarts.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const next = await again();
  const a = { name: "A", booted: false, good: true, version: "1.0.0" };
  const b = { name: "B", booted: true, version: "1.1.0" };
  assert.deepEqual(await next.slots(signal), [a, { ...b, good: false }]);
  await next.markGood();
  assert.deepEqual(await next.slots(signal), [a, { ...b, good: true }]);
  assert.deepEqual(restarts, ["B"]);
});

test("a slot that does not come up leads back to the other", async () => {
  const { engine, bundle, restarts } = await machine();
  await engine.install(await bundle(fileBundle({ version: "1.1.0" })), { signal });
  void engine.restart();
  while (restarts.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await engine.fallBack();
  assert.deepEqual(restarts, ["B", "A"]);
  assert.equal((await engine.slots(signal)).find(({ booted }) => booted)?.version, "1.0.0");
});

test("nothing is written of what is refused", async () => {
  const { engine, bundle } = await machine();
  const before = await engine.slots(signal);
  const torn = fileBundle({ version: "1.1.0" }).subarray(0, -1);
  for (const [content, reason] of [
    [fileBundle({ version: "0.9.0" }), /0\.9\.0 is older than 1\.0\.0/],
    [fileBundle({ version: "1.1.0", compatible: "umec-rpi" }), /is for umec-rpi/],
    [torn, /damaged/],
    [Buffer.from("nothing"), /no bundle/],
  ] as const) {
    const install = engine.install(await bundle(content), { signal });
    await assert.rejects(
      install,
      (error) => isUmecError(error, "UPDATE_REFUSED") && reason.test(error.message),
    );
  }
  assert.deepEqual(await engine.slots(signal), before);
});

test("a permit lets an older version in", async () => {
  const { engine, bundle } = await machine();
  const permit = Buffer.from(JSON.stringify({ compatible: "umec-test", version: "0.9.0" })).toString(
    "base64",
  );
  const path = await bundle(fileBundle({ version: "0.9.0" }));
  assert.equal((await engine.install(path, { signal, permit })).version, "0.9.0");
});
