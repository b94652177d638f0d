import assert from "node:assert/strict";
import fs, { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import { openApiStore } from "./store.ts";

const scratch = createScratch();
const pathIn = async () => join(await scratch(), "api", "store.json");

test("what was put is there after a restart, in its order and with its tag", async () => {
  const path = await pathIn();
  const store = await openApiStore({ path, log: silentLog });
  const first = await store.put("service", "b", { name: "x" });
  await store.put("service", "a", { name: "y" });
  await store.put("other", "b", 1);
  const second = await store.put("service", "b", { name: "z" });
  assert.match(first, /^"[\w-]{12}"$/);
  assert.notEqual(first, second);
  await store.close();
  await assert.rejects(store.put("service", "c", 1), { code: "API_STORE_CLOSED" });
  assert.equal((await stat(path)).mode & 0o777, 0o600);

  const again = await openApiStore({ path, log: silentLog });
  assert.deepEqual(
    again.list("service").map(({ id }) => id),
    ["b", "a"],
  );
  assert.deepEqual(again.get("service", "b"), { id: "b", value: { name: "z" }, etag: second });
  assert.equal(again.get("service", "c"), undefined);
  assert.equal(await again.delete("service", "b"), true);
  assert.equal(await again.delete("service", "b"), false);
  assert.deepEqual(again.list("service").length, 1);
  await again.close();
});

test("what is handed out is nobody's to change", async () => {
  const store = await openApiStore({ path: await pathIn(), log: silentLog });
  const value = { list: [1] };
  await store.put("k", "a", value);
  value.list.push(2);
  const got = store.get<{ list: number[] }>("k", "a")!;
  assert.deepEqual(got.value, { list: [1] });
  assert.throws(() => got.value.list.push(3), TypeError);
  await store.close();
});

test("changes at once share a writing, and are seen at once", async (t) => {
  const path = await pathIn();
  const renames = t.mock.method(fs, "rename").mock;
  syncBuiltinESMExports();
  t.after(syncBuiltinESMExports);
  const store = await openApiStore({ path, log: silentLog });
  const puts = Array.from({ length: 200 }, (_, i) => store.put("k", String(i), i));
  assert.equal(store.list("k").length, 200);
  await Promise.all(puts);
  assert.equal(renames.callCount(), 2);
  await store.close();
  const again = await openApiStore({ path, log: silentLog });
  assert.equal(again.list("k").length, 200);
  await again.close();
});

test("over its quota a change is refused and nothing has changed", async () => {
  const store = await openApiStore({ path: await pathIn(), quotaBytes: 1000, log: silentLog });
  const etag = await store.put("k", "a", "x".repeat(500));
  await assert.rejects(store.put("k", "b", "x".repeat(500)), { code: "API_STORE_FULL" });
  await assert.rejects(store.put("k", "a", "x".repeat(1000)), { code: "API_STORE_FULL" });
  assert.equal(store.get("k", "a")?.etag, etag);
  assert.equal(store.get("k", "b"), undefined);
  await store.put("k", "a", "y".repeat(600));
  await store.delete("k", "a");
  await store.put("k", "b", "x".repeat(700));
  await store.close();
});

test("a damaged file is set aside, and the log says that the API begins empty", async () => {
  const path = await pathIn();
  const store = await openApiStore({ path, log: silentLog });
  await store.put("k", "a", "value");
  await store.close();
  const good = await readFile(path, "utf8");
  const newer = good.replace('"umecApiStore":1', '"umecApiStore":2');
  for (const damaged of [good.replace("value", "valve"), good.slice(0, -20), "", "null\n", newer]) {
    await writeFile(path, damaged);
    const said: string[] = [];
    const log = { ...silentLog, error: (message: string) => void said.push(message) };
    const again = await openApiStore({ path, log });
    assert.match(said[0] ?? "", /damaged: it begins empty/);
    assert.deepEqual(again.list("k"), []);
    assert.equal(await readFile(`${path}.damaged`, "utf8"), damaged);
    await again.put("k", "b", 1);
    await again.close();
  }
});

test("when the disk refuses, a change is rejected and taken back, and the next one goes on", async () => {
  const path = await pathIn();
  const store = await openApiStore({ path, log: silentLog });
  const etag = await store.put("k", "a", 1);
  // A directory in the draft's place: also root can't write over that.
  await mkdir(`${path}.new`);
  const refused = [store.put("k", "a", 2), store.put("k", "b", 2), store.delete("k", "a")];
  for (const change of refused) await assert.rejects(change, { code: "API_STORE_WRITE" });
  assert.equal(store.get("k", "a")?.etag, etag);
  assert.equal(store.list("k").length, 1);
  await rm(`${path}.new`, { recursive: true });
  await store.put("k", "b", 3);
  await store.close();
  const again = await openApiStore({ path, log: silentLog });
  assert.deepEqual(
    again.list<number>("k").map(({ value }) => value),
    [1, 3],
  );
  await again.close();
});
