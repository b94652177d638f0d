/** What a node that has been taken over can do to updates: nothing but read them. See attacks.test.ts for the means. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, type TestContext, test } from "node:test";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { otaStream } from "../subjects.ts";
import { createScratch } from "../test-scratch.ts";
import { provisionOta } from "./ota-stream.ts";
import { startHubServer } from "./server.ts";
import { linkRaw, type RawLeaf } from "./test-raw-leaf.ts";

let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

const scratch = createScratch();
const name = "0".repeat(32);

async function start(t: TestContext): Promise<{ fleet: NatsConnection; leaf: RawLeaf }> {
  const hub = await startHubServer({ dir: await scratch(), natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionOta(fleet);
  await jetstream(fleet).publish(`ota.chunk.${name}`, "honest");
  const leaf = await linkRaw(hub.leafUrl, await readFile(hub.credentialsFile("n1"), "utf8"), "n1");
  t.after(() => leaf[Symbol.dispose]());
  return { fleet, leaf };
}

async function assertHonest(fleet: NatsConnection): Promise<void> {
  const { streams } = await jetstreamManager(fleet);
  assert.equal((await streams.info(otaStream)).state.last_seq, 1);
  const message = await streams.getMessage(otaStream, { last_by_subj: `ota.chunk.${name}` });
  assert.equal(Buffer.from(message!.data).toString(), "honest");
}

for (const subject of [`ota.chunk.${name}`, "ota.index.x", "ota-lock", `$JS.API.STREAM.PURGE.${otaStream}`]) {
  test(`a forged message on ${subject} changes nothing, and the hub closes the link`, async (t) => {
    const { fleet, leaf } = await start(t);
    leaf.say(subject, "forged");
    await assert.rejects(async () => {
      for (let n = 0; n < 5; n++) await leaf.settle();
    }, /closed/);
    assert.match(leaf.errors.join(), /Permissions Violation for Publish/);
    await fleet.flush();
    await assertHonest(fleet);
  });
}

test("what a forger says where updates are read, or as the place for an answer, is stored nowhere", async (t) => {
  const { fleet, leaf } = await start(t);
  leaf.subscribe("_INBOX_n1.>");
  const ask = `hub.ota.chunk.${name}`;
  leaf.say(ask, "forged", "_INBOX_n1.1");
  // The hub's own answer, if it went there, would take the chunk's place.
  leaf.say(ask, "", `ota.chunk.${name}`);
  leaf.say(ask, "", "ota.index.x");
  leaf.say(ask, "", "_INBOX_n1.2");
  await leaf.settle();
  while (!leaf.heard.some((line) => line.includes("_INBOX_n1.2"))) await leaf.settle();
  await fleet.flush();
  await assertHonest(fleet);
});
