import assert from "node:assert/strict";
import { type FSWatcher, watch } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { RaucEngine } from "./rauc-engine.ts";
import { sealedBundle } from "./test-bundle.ts";

const scratch = createScratch();
const { signal } = new AbortController();

interface Request {
  id: string;
  path: string;
  permit?: string;
}

/** The folders of a node, and root's side of them: what it is asked it answers with `answers`, one after the other. */
async function machine(...answers: object[]) {
  const dir = await scratch();
  const [control, said, incoming] = [join(dir, "control"), join(dir, "answers"), join(dir, "incoming")];
  for (const folder of [control, said, incoming]) await mkdir(folder);
  const requests: Request[] = [];
  const permits: string[] = [];
  const say = async (name: string, content: object) => {
    await writeFile(join(said, `${name}.new`), JSON.stringify(content));
    await rename(join(said, `${name}.new`), join(said, name));
  };
  const take = async () => {
    const text = await readFile(join(control, "install"), "utf8").catch(() => undefined);
    if (text === undefined) return;
    await rm(join(control, "install"), { force: true });
    const request: Request = JSON.parse(text);
    if (requests.some(({ id }) => id === request.id)) return;
    requests.push(request);
    if (request.permit) permits.push(await readFile(request.permit, "utf8"));
    for (const answer of answers) await say("state.json", { id: request.id, percent: 0, ...answer });
  };
  let watcher: FSWatcher | undefined;
  if (answers.length > 0) watcher = watch(control, () => void take());
  const bundle = join(incoming, "b.raucb");
  await writeFile(bundle, sealedBundle({ version: "1.4.0", compatible: "umec-virt" }));
  return {
    engine: new RaucEngine({ control, answers: said, takenMs: 2_000 }),
    [Symbol.dispose]: () => watcher?.close(),
    ...{ control, incoming, bundle, requests, permits, say },
  };
}

const refused = (code: string, reason: RegExp) => (error: unknown) =>
  isUmecError(error, code) && reason.test(error.message);

test("root is asked once for a bundle, its progress is told, and what is in it comes back", async () => {
  using node = await machine({ state: "installing", percent: 40 });
  const percents = new Set<number>();
  const onProgress = (percent: number) => {
    percents.add(percent);
    void node.say("state.json", { id: node.requests[0]?.id, state: "installed", percent: 100 });
  };
  const info = await node.engine.install(node.bundle, { signal, onProgress });
  assert.deepEqual([info.version, info.compatible, info.sha256.length], ["1.4.0", "umec-virt", 64]);
  assert.deepEqual(
    node.requests.map(({ path, permit }) => [path, permit]),
    [[node.bundle, undefined]],
  );
  assert.deepEqual([...percents], [40]);
  assert.deepEqual(await readdir(node.control), []);
});

test("a permit goes along, and does not stay", async () => {
  using node = await machine({ state: "installed" });
  await node.engine.install(node.bundle, { signal, permit: Buffer.from("a permit").toString("base64") });
  assert.deepEqual(node.permits, ["a permit"]);
  assert.deepEqual(await readdir(node.incoming), ["b.raucb"]);
});

test("what root refuses is refused in words, what it can't do has failed", async () => {
  const reason = "Version mismatch: Expected at least '1.5.0' but bundle manifest has '1.4.0'";
  using strict = await machine({ state: "refused", reason });
  const install = strict.engine.install(strict.bundle, { signal });
  await assert.rejects(
    install,
    refused("UPDATE_REFUSED", /^1\.4\.0 is older than 1\.5\.0, which runs \(RAUC: /),
  );
  using broken = await machine({ state: "failed", reason: "No space left" });
  await assert.rejects(
    broken.engine.install(broken.bundle, { signal }),
    refused("UPDATE_FAILED", /could not be written: No space left/),
  );
});

test("a damaged bundle is not even asked for", async () => {
  using node = await machine({ state: "installed" });
  const torn = (await readFile(node.bundle)).subarray(0, -9);
  await writeFile(node.bundle, torn);
  await assert.rejects(
    node.engine.install(node.bundle, { signal }),
    refused("UPDATE_REFUSED", /torn|no bundle/),
  );
  assert.deepEqual(node.requests, []);
});

test("the answer to an earlier life's request is not taken for ours", async () => {
  using node = await machine({ state: "installed" });
  await node.say("state.json", { id: "earlier", state: "refused", percent: 0, reason: "no" });
  assert.equal((await node.engine.install(node.bundle, { signal })).version, "1.4.0");
});

test("a request that nobody takes is withdrawn, after its time or when it is called off", async () => {
  using node = await machine();
  const engine = new RaucEngine({
    control: node.control,
    answers: join(node.control, "../answers"),
    takenMs: 50,
  });
  await assert.rejects(engine.install(node.bundle, { signal }), refused("UPDATE_FAILED", /nobody has taken/));
  assert.deepEqual(await readdir(node.control), []);
  const off = new AbortController();
  const asked = Promise.withResolvers<void>();
  using watcher = new DisposableStack();
  const seen = watch(node.control, (_, name) => name === "install" && asked.resolve());
  watcher.defer(() => seen.close());
  const install = node.engine.install(node.bundle, { signal: off.signal });
  await Promise.race([asked.promise, install]);
  off.abort(new Error("called off"));
  await assert.rejects(install, /called off/);
  assert.deepEqual(await readdir(node.control), []);
});

test("slots are waited for, and a machine without them says so", async () => {
  using node = await machine();
  const slots = [
    { name: "A", booted: true, good: true, version: "1.4.0" },
    { name: "B", booted: false, good: false },
  ];
  const asked = node.engine.slots(signal);
  await node.say("slots.json", slots);
  assert.deepEqual(await asked, slots);
  assert.equal(await node.engine.isHere(), true);
  const nowhere = new RaucEngine({ answers: join(node.control, "none") });
  assert.equal(await nowhere.isHere(), false);
  await assert.rejects(nowhere.slots(signal), refused("UPDATE_NO_SLOTS", /this machine has no slots/));
});
