import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "./log.ts";
import { NodeHealth } from "./node-health.ts";

import { createScratch } from "./test-scratch.ts";
import { readHealth } from "./update/gate/health-file.ts";

const scratch = createScratch();
const plugin = (name: string, required = true) => ({
  ...{ name, driver: "x", required, options: {} },
  limits: { samplesPerS: 1, bytesPerS: 1 },
});
const gate = { deadlineS: 120, offline: false };
const link = { hubUrls: ["tls://h:1"], reconnectMs: 1, frameBytes: 1, backlogBytesPerS: 1 };
const quiet = { wants: () => false, accepted: () => assert.fail("nobody wanted it") };

function outbox() {
  const listeners = new Set<() => void>();
  return {
    listeners,
    onErased(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    erase() {
      for (const listener of listeners) listener();
    },
  };
}

test("the file says what happens, and goes when the node stops", async () => {
  const runtimeDirectory = await scratch();
  const path = join(runtimeDirectory, "health.json");
  const health = new NodeHealth({ runtimeDirectory, version: "1.2.3", log: silentLog });
  health.setTarget({ plugins: [plugin("meter"), plugin("door", false)], link, gate });
  const store = outbox();
  let sent = false;
  health.opened(store, () => sent);
  health.setReached(true);
  assert.deepEqual(health.status().waitingFor, ["plugin meter", "hub"]);
  // Rows that were given up, not stored.
  store.erase();
  assert.deepEqual(health.status().waitingFor, ["plugin meter", "hub"]);
  sent = true;
  store.erase();
  assert.equal(store.listeners.size, 0);
  health.watch("meter", quiet).accepted([{ n: "v", v: 1 }]);
  assert.equal(health.status().ok, true);
  await until(async () => (await readHealth(path))?.ok === true);
  const file = await readHealth(path);
  assert.equal(file?.deadlineS, 120);
  assert.equal(file?.version, "1.2.3");
  await health.stop();
  health.setReached(false);
  assert.equal(await readHealth(path), undefined);
});

test("a bad sample, and a device that says it is not online, are no samples", () => {
  const health = new NodeHealth({ version: "1.2.3", log: silentLog });
  health.setTarget({ plugins: [plugin("meter")], gate });
  const watch = health.watch("meter", quiet);
  assert.equal(watch.wants("any"), true);
  watch.accepted([{ n: "m/v", vs: "", "umec:quality": "bad" }]);
  watch.accepted([{ n: "m/online", vb: false }]);
  assert.ok(health.status().waitingFor.includes("plugin meter"));
  watch.accepted([{ n: "m/online", vb: true }]);
  assert.ok(!health.status().waitingFor.includes("plugin meter"));
  assert.equal(watch.wants("any"), false, "nothing more is looked at");
});

test("whoever else watches sees what it wants, and no more", () => {
  const health = new NodeHealth({ version: "1.2.3", log: silentLog });
  health.setTarget({ plugins: [plugin("meter")], gate });
  const seen: string[] = [];
  const watch = health.watch("meter", {
    wants: (point) => point === "a",
    accepted: (records) => seen.push(...records.map(({ n }) => n)),
  });
  watch.accepted([
    { n: "a", v: 1 },
    { n: "b", v: 1 },
  ]);
  watch.accepted([{ n: "a", v: 2 }]);
  assert.deepEqual(seen, ["a", "a"]);
});

/** The file is written behind the call: whoever reads it asks again. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
