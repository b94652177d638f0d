/** Three real servers from the files of `umec hub init`, the service beside them, and a real node. */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { replaceNode, revokeNode } from "../hub/node-admin.ts";
import { createReader } from "../hub/reader.ts";
import { HubKeys } from "../hub/server-keys.ts";
import { issueTokens } from "../hub/tokens.ts";
import { objectStream, streamName } from "../subjects.ts";
import { counting, giveToken, runNode } from "../test-enrolling.ts";
import { createScratch } from "../test-scratch.ts";
import { layout } from "./setup.ts";
import { connectAs, startService, startSites, type TestSites, until, writeLinkedNode } from "./test-site.ts";

const scratch = createScratch();

interface Leafz {
  server: { name: string };
  data: { leafs?: { account: string }[] };
}

/** The servers to which a node is linked, as they say. */
async function linkedTo(system: NatsConnection): Promise<string[]> {
  const names: string[] = [];
  const options = { strategy: "stall" as const, maxWait: 2000 };
  for await (const message of await system.requestMany("$SYS.REQ.SERVER.PING.LEAFZ", "", options)) {
    const { server, data } = message.json<Leafz>();
    if (data.leafs?.length) names.push(server.name);
  }
  return names;
}

/** How many servers have an account with a revocation. */
async function revokedAt(system: NatsConnection, account: string): Promise<number> {
  let count = 0;
  const options = { strategy: "stall" as const, maxWait: 2000 };
  const subject = `$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`;
  for await (const message of await system.requestMany(subject, "", options)) {
    const claims = JSON.parse(
      Buffer.from(message.string().split(".")[1] ?? "", "base64url").toString() || "{}",
    );
    if (claims.nats?.revocations) count++;
  }
  return count;
}

async function startNode(t: TestContext, { root, leafUrls }: TestSites) {
  const dir = join(await scratch(), "node");
  await mkdir(dir);
  const path = await writeLinkedNode(dir, leafUrls, await readFile(layout.ca(root), "utf8"));
  return { dir, ...(await runNode(t, path, counting())) };
}

test("a node enrols at a cluster over TLS, outlives the server that it is linked to, and is cut off on any by revoke", async (t) => {
  const sites = await startSites(t, join(await scratch(), "hub"), 3);
  const service = await startService(sites);
  const { dir, node, until: untilNode } = await startNode(t, sites);
  const [token] = await issueTokens(service.desk, [{ node: "n1" }]);
  await giveToken(dir, token!);
  await untilNode(({ link, enrolment }) => enrolment?.state === "enrolled" && link.sentSamples > 20);

  const fleet = await connectAs(sites, "fleet");
  const { streams } = await jetstreamManager(fleet);
  for (const stream of [streamName, objectStream("n1"), "KV_NODES"])
    assert.equal((await streams.info(stream)).config.num_replicas, 3, stream);

  const system = await connectAs(sites, "system");
  const [first, ...others] = await linkedTo(system);
  assert.deepEqual(others, []);
  const killed = sites.setup.sites.find(({ name }) => name === first)!;
  await sites.kill(killed);
  const { link } = await node.status();
  await untilNode((status) => status.link.sentSamples > link.sentSamples + 50);
  const [second] = await until(
    () => linkedTo(system),
    (names) => names.length === 1,
  );
  assert.notEqual(second, first);

  const beganMs = performance.now();
  const revoked = revokeNode(service.desk, "n1");
  await untilNode(({ enrolment }) => enrolment?.state === "refused");
  const tookMs = performance.now() - beganMs;
  await revoked;
  assert.ok(tookMs < 5000, `cut off after ${tookMs} ms`);
  t.diagnostic(`revoked in ${Math.round(tookMs)} ms`);
  // A server that was away learns of it from the others.
  const account = (await HubKeys.open(layout.secret(sites.root))).node("n1").account.getPublicKey();
  await sites.start(killed);
  const startedMs = performance.now();
  await until(
    () => revokedAt(system, account),
    (count) => count === 3,
  );
  t.diagnostic(`known to the server that was away after ${Math.round(performance.now() - startedMs)} ms`);
  assert.deepEqual(await linkedTo(system), []);

  await replaceNode(service.desk, "n1");
  const [again] = await issueTokens(service.desk, [{ node: "n1" }]);
  await giveToken(dir, again!);
  await untilNode(({ enrolment, outbox }) => enrolment?.state === "enrolled" && outbox.waitingRows === 0);
  await node.stop();
  const samples = await Array.fromAsync(createReader(fleet).samples({ node: "n1", plugin: "p1" }));
  const values = samples.map(({ value }) => Number(value)).sort((a, b) => a - b);
  assert.deepEqual(
    values,
    values.map((_, n) => n),
    "lost, or twice",
  );
  assert.deepEqual([...new Set(samples.map(({ signed }) => signed))], ["verified"]);
});
