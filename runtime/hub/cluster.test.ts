import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { isUmecError, UmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import { streamName } from "../subjects.ts";
import { auditNode } from "./audit.ts";
import { createReader } from "./reader.ts";
import { provisionStream } from "./stream.ts";
import { collect, jetstream, startTestServer, TestNode, type TestServer } from "./test-hub.ts";

test("a cluster of three keeps three copies, and any of its servers reads all that was acknowledged", async () => {
  await using servers = new AsyncDisposableStack();
  const ports = await freePorts(3);
  const routes = ports.map((port) => `"nats-route://127.0.0.1:${port}"`).join(", ");
  const cluster = await Promise.all(
    ports.map(
      async (port): Promise<TestServer> =>
        servers.use(
          await startTestServer(
            ({ dir }) => `server_name: s${port}
              ${jetstream(dir)}
              cluster { name: test, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
          ),
        ),
    ),
  );
  const [first, second, third] = cluster.map(({ nc }) => nc);

  // Without a leader JetStream does not answer at all.
  await retry(async () => {
    await first!.request("$JS.API.INFO", "", { timeout: 250 }).catch((cause: unknown) => {
      throw new UmecError("HUB_NOT_READY", "no leader", { cause });
    });
  });
  const tooMany = retry(() => provisionStream(first!, { replicas: 5, log: silentLog }), 500);
  await assert.rejects(tooMany, { code: "HUB_NOT_READY", message: /no suitable peers/ });
  const provisioned = await retry(() => provisionStream(first!, { replicas: 1, log: silentLog }));
  assert.deepEqual(provisioned, { created: true, changed: [] });
  // Until the leader has heard of the others it has one server alone.
  await retry(async () => {
    const raised = await provisionStream(second!, { log: silentLog });
    if (raised.changed.length === 0) throw new UmecError("HUB_NOT_READY", "no room for more copies");
    assert.deepEqual(raised, { created: false, changed: ["num_replicas"] });
  });
  const same = await retry(() => provisionStream(third!, { log: silentLog }));
  assert.deepEqual(same, { created: false, changed: [] });
  const { streams } = await jetstreamManager(third!);
  await retry(async () => {
    const { config, cluster: copies } = await streams.info(streamName);
    assert.equal(config.num_replicas, 3);
    const current = copies?.replicas?.filter((replica) => replica.current).length ?? 0;
    if (!copies?.leader || current < 2) throw new UmecError("HUB_NOT_READY", `${current} copies are current`);
  });

  const node = new TestNode(first!, "n1");
  const readers = cluster.map(({ nc }) => createReader(nc));
  for (let row = 1; row <= 30; row++) {
    await node.live({ rows: [row, row], since: 1, records: node.samples(row, row) });
    const samples = await collect(readers[row % 3]!.samples({ node: "n1", plugin: "p1" }));
    assert.equal(samples.length, row);
  }
  const { ok, totals } = await auditNode(third!, { node: "n1" });
  assert.deepEqual([ok, totals.rows], [true, 30]);
});

/** The servers take a moment to elect leaders and to copy. */
async function retry<T>(work: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const passing = isUmecError(error, "HUB_NOT_READY") || isUmecError(error, "HUB_NO_ANSWER");
      if (!passing || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Servers of a cluster must know each other's ports before they start. */
async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(sockets.map((socket) => once(socket, "listening")));
  const ports = sockets.map((socket) => (socket.address() as AddressInfo).port);
  await Promise.all(sockets.map((socket) => once(socket.close(), "close")));
  return ports;
}
