/** Objects and kept values of a plugin through a whole node and to the hub. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import Type from "typebox";
import { umec } from "./cli/test-program.ts";
import { listObjects, provisionBuckets, readObject } from "./hub/objects.ts";
import { createReader } from "./hub/reader.ts";
import { startHubServer } from "./hub/server.ts";
import { provisionStream } from "./hub/stream.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type RunningNode, startNode } from "./node.ts";
import { type Driver, defineDriver, type Host } from "./plugin/contract.ts";
import type { NodeStatus } from "./status.ts";
import type { DriverSource } from "./target/types.ts";
import { createScratch } from "./test-scratch.ts";
import { untilStatus } from "./test-until.ts";

const scratch = createScratch();
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

interface Side {
  node: RunningNode;
  host: Host;
  until(fits: (status: NodeStatus) => boolean): Promise<NodeStatus>;
}

/** A node with one plugin, `cam`, whose host the test plays with. */
async function start(t: TestContext, dir: string, more: string): Promise<Side> {
  const given = Promise.withResolvers<Host>();
  const driver = defineDriver({
    manifest: {
      name: "hand",
      version: "1.0.0",
      kind: "low",
      summary: "is led by hand",
      options: Type.Object({}),
      points: () => [],
      needs: () => ({}),
    },
    async run(_options, host, signal) {
      given.resolve(host);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await host.state.set("ended", true);
    },
  }) as Driver;
  const drivers: DriverSource = { names: () => ["hand"], load: async () => driver };
  const path = join(dir, "node.yaml");
  await writeFile(path, `node: n1\ndata: ./data\n${more}plugins:\n  cam:\n    driver: hand\n`);
  const signal = new AbortController().signal;
  const node = await startNode({ path, natsServerPath, log: silentLog, signal, drivers });
  t.after(() => node.stop());
  return {
    node,
    host: await given.promise,
    until: (fits) => untilStatus(node, fits),
  };
}

const still = (n: number, bytes = 100_000) => ({
  name: `door/still-${n}.jpg`,
  contentType: "image/jpeg",
  body: Buffer.alloc(bytes, n),
  timeMs: 1_800_000_000_000 + n,
});

test("what a plugin keeps offline is at the hub once there is a link, what was lost is told, and its values stay", async (t) => {
  const dir = await scratch();
  const hub = await startHubServer({ dir: join(dir, "hub"), natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  await provisionBuckets(fleet, ["n1"], { log: silentLog });

  const offline = await start(t, dir, "objects: { quotaBytes: 1MiB }\n");
  for (let n = 1; n <= 12; n++) await offline.host.objects.put(still(n));
  await assert.rejects(offline.host.objects.put(still(1, 2 ** 24 + 1)), { code: "OBJECT_INVALID" });
  await offline.host.state.set("total", 42);
  const { objects } = await offline.node.status();
  assert.deepEqual([objects.waiting, objects.lost, objects.upload.state], [9, 3, "off"]);
  await offline.node.stop();

  const link = `link:\n  hub: ${hub.leafUrl}\n  credentials: ${JSON.stringify(hub.credentialsFile("n1"))}\n`;
  const online = await start(t, dir, link);
  assert.deepEqual([online.host.state.get("total"), online.host.state.get("ended")], [42, true]);
  await online.until((status) => status.objects.sent === 9 && status.outbox.waitingRows === 0);
  assert.deepEqual(
    (await listObjects(fleet, "n1")).map(({ name, bytes }) => `${name} ${bytes}`),
    Array.from({ length: 9 }, (_, n) => `cam/door/still-${n + 4}.jpg 100000`),
  );
  const lost: string[] = [];
  const query = { node: "n1", plugin: "cam", lane: "alarm" } as const;
  for await (const sample of createReader(fleet).samples(query)) lost.push(String(sample.value));
  assert.deepEqual(
    lost,
    [1, 2, 3].map((n) => JSON.stringify({ name: `door/still-${n}.jpg`, bytes: 100_000, reason: "quota" })),
  );

  await assert.rejects(readObject(fleet, "n1", "cam/none"), { code: "HUB_NO_OBJECT" });
  await assert.rejects(listObjects(fleet, "n9"), { code: "HUB_NO_OBJECTS" });
  const creds = await hub.fleetCredentialsFile();
  const where = ["--url", hub.clientUrl, "--creds", creds];
  const list = await umec(["hub", "objects", ...where, "n1"]);
  assert.match(
    list.stdout,
    /^2027-01-15T08:00:00\.004Z {5}100000 {2}image\/jpeg {4}cam\/door\/still-4\.jpg\n/,
  );
  const file = join(dir, "still.jpg");
  await umec(["hub", "objects", ...where, "n1", "--get", "cam/door/still-7.jpg", "--output", file]);
  assert.ok(Buffer.alloc(100_000, 7).equals(await readFile(file)));
});

test("a receiver of time that a plugin reads makes the clock known only where nothing else does", async (t) => {
  const { host, node } = await start(t, await scratch(), "clock: { trust: always }\n");
  const before = host.clock.nowMs();
  for (let n = 0; n < 4; n++) {
    host.offerTime({
      unixMs: before + 86_400_000 + 1000 * n,
      monotonicMs: host.clock.monotonicMs() - 4000 + 1000 * n,
      accuracyMs: 10,
    });
  }
  assert.ok(Math.abs(host.clock.nowMs() - before) < 5_000);
  assert.equal((await node.status()).clock.known, true);
});
