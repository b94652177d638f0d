import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Kvm } from "@nats-io/kv";
import { isUmecError } from "../errors.ts";
import type { NodeRecord } from "../hub-nodes-wire.ts";
import { createNodeRecords } from "./node-records.ts";
import { startTestServer, type TestServer } from "./test-hub.ts";

let hub: TestServer;
before(async () => {
  hub = await startTestServer();
});
after(() => hub[Symbol.asyncDispose]());

const record = (node: string, more: Partial<NodeRecord> = {}): NodeRecord => ({
  version: 1,
  node,
  state: "enrolled",
  keys: { link: "U1", sign: "s1", seal: "x1" },
  enrolledAtMs: 1000,
  former: [],
  ...more,
});

test("records are kept by node; before the first there is no bucket, and that is no error", async () => {
  const records = createNodeRecords(hub.nc);
  assert.equal(await records.get("n1"), undefined);
  assert.deepEqual(await records.list(), []);
  await records.put(record("n2"));
  await records.put(record("n1", { state: "revoked" }));
  assert.equal((await records.get("n1"))?.record.state, "revoked");
  assert.equal(await records.get("n3"), undefined);
  assert.deepEqual(
    (await createNodeRecords(hub.nc).list()).map((stored) => stored.record.node),
    ["n1", "n2"],
  );
});

test("the bucket is one for every client of NATS, and what one has deleted is not there", async () => {
  const records = createNodeRecords(hub.nc);
  const revision = await records.put(record("shared"));
  const bucket = await new Kvm(hub.nc).open("NODES");
  const entry = await bucket.get("shared");
  assert.deepEqual([entry?.json<NodeRecord>().node, entry?.revision], ["shared", revision]);
  assert.equal((await bucket.status()).history, 8);
  await bucket.delete("shared");
  assert.equal(await records.get("shared"), undefined);
  assert.ok(!(await records.list()).some((stored) => stored.record.node === "shared"));
  await bucket.put("shared", JSON.stringify(record("shared")));
  assert.equal((await records.get("shared"))?.record.node, "shared");
});

test("who writes with an old revision loses", async () => {
  const records = createNodeRecords(hub.nc);
  const first = await records.put(record("raced"), 0);
  const changed = (error: unknown) => isUmecError(error, "HUB_RECORD_CHANGED");
  await assert.rejects(records.put(record("raced"), 0), changed);
  const second = await records.put(record("raced", { state: "revoked" }), first);
  await assert.rejects(records.put(record("raced"), first), changed);
  assert.deepEqual(await records.get("raced"), {
    record: record("raced", { state: "revoked" }),
    revision: second,
  });
});

test("when a node enrolled first stays known when other hardware takes its name", async () => {
  const records = createNodeRecords(hub.nc);
  await records.put(record("again", { enrolledAtMs: 2000 }));
  await records.put(record("again", { enrolledAtMs: 9000 }));
  assert.equal((await records.get("again"))?.record.firstEnrolledAtMs, 2000);
});

test("a record that can't be read is no record that is not there", async () => {
  const records = createNodeRecords(hub.nc);
  await records.put(record("odd"));
  for (const text of ["{", "null", '{"version":2}']) {
    await hub.nc.request("$KV.NODES.odd", text);
    await assert.rejects(records.get("odd"), (error) => isUmecError(error, "HUB_RECORD_INVALID"));
  }
  await records.put(record("odd"));
  assert.ok(await records.get("odd"));
  await assert.rejects(records.get("a.b"), (error) => isUmecError(error, "HUB_QUERY_INVALID"));
});
