/** A node's keys through a whole node: told in its status, kept over a restart, and in what the hub stores. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import Type from "typebox";
import { createNodeRecords } from "./hub/node-records.ts";
import { createReader } from "./hub/reader.ts";
import { startHubServer } from "./hub/server.ts";
import { provisionStream } from "./hub/stream.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type RunningNode, startNode } from "./node.ts";
import { type Driver, defineDriver } from "./plugin/contract.ts";
import type { DriverSource } from "./target/types.ts";
import { createScratch } from "./test-scratch.ts";
import { untilStatus } from "./test-until.ts";

const scratch = createScratch();
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

const driver = defineDriver({
  manifest: {
    name: "once",
    version: "1.0.0",
    kind: "low",
    summary: "emits one sample at each start",
    options: Type.Object({}),
    points: () => [],
    needs: () => ({}),
  },
  async run(_options, host, signal) {
    await host.emit([{ name: "d/q", value: 1 }]);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  },
}) as Driver;
const drivers: DriverSource = { names: () => ["once"], load: async () => driver };

async function start(dir: string, link = ""): Promise<RunningNode> {
  const path = join(dir, "node.yaml");
  await writeFile(path, `node: n1\ndata: ./data\n${link}plugins:\n  p1:\n    driver: once\n`);
  return startNode({ path, natsServerPath, log: silentLog, signal: new AbortController().signal, drivers });
}

test("a node has the same keys at each start, and what it stored offline and since is verified by them", async (t) => {
  const dir = await scratch();
  const hub = await startHubServer({ dir: join(dir, "hub"), natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });

  const offline = await start(dir);
  t.after(() => offline.stop());
  const { identity } = await offline.status();
  assert.equal(identity.bound, false);
  await untilStatus(offline, ({ outbox }) => outbox.waitingRows === 1);
  await offline.stop();
  const { seed } = JSON.parse(await readFile(join(dir, "data", "keys", "node.seed"), "utf8"));

  await createNodeRecords(fleet).put({
    version: 1,
    node: "n1",
    state: "enrolled",
    keys: identity.keys!,
    enrolledAtMs: Date.now() - 60_000,
    former: [],
  });
  const link = `link:\n  hub: ${hub.leafUrl}\n  credentials: ${JSON.stringify(hub.credentialsFile("n1"))}\n`;
  const online = await start(dir, link);
  t.after(() => online.stop());
  await untilStatus(online, ({ link, outbox }) => link.sentSamples >= 2 && outbox.waitingRows === 0);
  const status = await online.status();
  assert.deepEqual(status.identity, identity);
  assert.ok(!JSON.stringify(status).includes(seed));
  await online.stop();
  const standings: string[] = [];
  for await (const sample of createReader(fleet).samples({ node: "n1", plugin: "p1" }))
    standings.push(sample.signed);
  assert.deepEqual(standings, ["verified", "verified"]);
});

test("a node whose seed is damaged measures and stores, is nobody at the hub, and goes on once it is in order", async (t) => {
  const dir = await scratch();
  const hub = await startHubServer({ dir: join(dir, "hub"), natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  const first = await start(dir);
  t.after(() => first.stop());
  const { identity } = await first.status();
  await untilStatus(first, ({ outbox }) => outbox.waitingRows === 1);
  await first.stop();
  const path = join(dir, "data", "keys", "node.seed");
  const whole = await readFile(path);
  await writeFile(path, "");

  const link = `link:\n  hub: ${hub.leafUrl}\n  credentials: ${JSON.stringify(hub.credentialsFile("n1"))}\n`;
  const node = await start(dir, link);
  t.after(() => node.stop());
  await untilStatus(node, ({ outbox }) => outbox.waitingRows === 2);
  const status = await node.status();
  assert.equal(status.identity.keys, undefined);
  assert.equal(status.identity.fault?.code, "IDENTITY_DAMAGED");
  assert.equal(status.link.state, "off");
  assert.match(status.link.reason ?? "", /node\.seed is damaged/);
  assert.match(status.target.failures.join(), /link to .*node\.seed is damaged/);
  assert.equal(await readFile(path, "utf8"), "");

  await writeFile(path, whole);
  await untilStatus(node, ({ link, outbox }) => link.state === "up" && outbox.waitingRows === 0);
  const { identity: again } = await node.status();
  assert.deepEqual(again, identity);
});
