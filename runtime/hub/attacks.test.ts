/**
 * What a node that has been taken over can do to others through its link: it has its own valid credentials, and speaks
 * the leaf protocol itself, so that no server of its own filters what it says. What a *token's* user can do is in
 * enrol.test.ts, what a node's honest server lets through in ../bus/leaf.test.ts.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { before, type TestContext, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { startBus } from "../bus/bus.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { streamName } from "../subjects.ts";
import { createScratch } from "../test-scratch.ts";
import { type HubServer, startHubServer } from "./server.ts";
import { provisionStream } from "./stream.ts";
import { linkRaw, type RawLeaf } from "./test-raw-leaf.ts";

let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

const scratch = createScratch();

async function startHub(t: TestContext): Promise<{ hub: HubServer; fleet: NatsConnection }> {
  const nodes = ["n1", "n2"];
  const hub = await startHubServer({ dir: await scratch(), natsServerPath, nodes, log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  return { hub, fleet };
}

async function forger(t: TestContext, hub: HubServer): Promise<RawLeaf> {
  const leaf = await linkRaw(hub.leafUrl, await readFile(hub.credentialsFile("n1"), "utf8"), "n1");
  t.after(() => leaf[Symbol.dispose]());
  return leaf;
}

async function stored(fleet: NatsConnection): Promise<Record<string, number>> {
  const manager = await jetstreamManager(fleet);
  const { state } = await manager.streams.info(streamName, { subjects_filter: ">" });
  return state.subjects ?? {};
}

test("a forger on the link stores on its own chains, so what is refused below is refused for a reason", async (t) => {
  const { hub, fleet } = await startHub(t);
  const leaf = await forger(t, hub);
  leaf.subscribe("_INBOX_n1.>");
  leaf.say("umec.n1.p1.telemetry", "own", "_INBOX_n1.1");
  await leaf.settle();
  // The hub's answer comes over the link when it is stored.
  while (leaf.heard.length === 0) await leaf.settle();
  assert.deepEqual(await stored(fleet), { "umec.n1.p1.telemetry": 1 });
});

for (const [what, subject] of [
  ["another's chain", "umec.n2.p1.telemetry"],
  ["another's backlog", "umec.n2.p1.telemetry.backlog"],
  ["a command to another", "cmd.n2.p1.x"],
  ["a command to itself, as the hub", "cmd.n1.p1.x"],
  ["another's objects", "hub.obj.n2.M.x"],
  ["a renewal in another's name", "hub.renew.n2"],
  ["JetStream's interface", "$JS.API.STREAM.DELETE.TELEMETRY"],
  ["the same by its domain", "$JS.hub.API.STREAM.DELETE.TELEMETRY"],
  ["the system account", "$SYS.REQ.SERVER.PING"],
  ["another's inbox", "_INBOX_n2.x"],
] as const) {
  test(`a forged message on ${what} is stored and heard nowhere, and the hub closes the link`, async (t) => {
    const { hub, fleet } = await startHub(t);
    const heard: string[] = [];
    fleet.subscribe(">", {
      callback: (_, message) => {
        if (/^(umec|cmd|hub)\./.test(message.subject)) heard.push(message.subject);
      },
    });
    await fleet.flush();
    const leaf = await forger(t, hub);
    leaf.say(subject, "forged");
    await assert.rejects(async () => {
      for (let n = 0; n < 5; n++) await leaf.settle();
    }, /closed/);
    assert.match(leaf.errors.join(), /Permissions Violation for Publish/);
    await fleet.flush();
    assert.deepEqual(heard, []);
    assert.deepEqual(await stored(fleet), {});
  });
}

test("a forged reply subject makes the hub's answer land nowhere: not on another's chain, not on a command", async (t) => {
  const { hub, fleet } = await startHub(t);
  const heard: string[] = [];
  for (const subject of ["umec.n2.>", "cmd.>"])
    fleet.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) });
  await fleet.flush();
  const leaf = await forger(t, hub);
  leaf.subscribe("_INBOX_n1.>");
  for (const reply of ["umec.n2.p1.telemetry", "cmd.n2.p1.x", "$JS.API.STREAM.PURGE.TELEMETRY"])
    leaf.say("umec.n1.p1.telemetry", "own", reply);
  leaf.say("umec.n1.p1.telemetry", "last", "_INBOX_n1.1");
  await leaf.settle();
  while (leaf.heard.length === 0) await leaf.settle();
  await fleet.flush();
  assert.deepEqual(heard, []);
  assert.deepEqual(await stored(fleet), { "umec.n1.p1.telemetry": 4 });
});

test("a forger hears nothing of another node: neither its frames nor its commands nor the fleet's answers", async (t) => {
  const { hub, fleet } = await startHub(t);
  const leaf = await forger(t, hub);
  for (const subject of [
    "umec.>",
    "umec.n2.>",
    "cmd.>",
    "cmd.n2.>",
    "_INBOX_n2.>",
    "_INBOX_fleet.>",
    "$JS.>",
    ">",
  ])
    leaf.subscribe(subject);
  await leaf.settle().catch(() => undefined);
  await fleet.request("umec.n2.p1.telemetry", "secret", { timeout: 3000 });
  await fleet.request("cmd.n2.p1.x", "secret", { timeout: 200 }).catch(() => undefined);
  fleet.publish("umec.n2.p1.event", "secret");
  await fleet.flush();
  await leaf.settle().catch(() => undefined);
  assert.deepEqual(leaf.heard, []);
});

test("a node's live samples and its inner names stay on it, also when the hub asks for all", async (t) => {
  const { hub, fleet } = await startHub(t);
  const heard: string[] = [];
  fleet.subscribe(">", {
    callback: (_, message) => {
      if (/^(umec|in|telemetry|event|status|command|checked|object)(\.|$)/.test(message.subject))
        heard.push(message.subject);
    },
  });
  await fleet.flush();
  const link = { urls: [hub.leafUrl], credentialsFile: hub.credentialsFile("n1"), reconnectMs: 100 };
  const options = { node: "n1", dir: await scratch(), natsServerPath, plugins: ["p1"], log: silentLog };
  const node = await startBus({ ...options, link });
  t.after(() => node.stop());
  const up = Promise.withResolvers<void>();
  node.onLeafChange((connected) => connected && up.resolve());
  if ((await node.leafState()).connected) up.resolve();
  await up.promise;
  const plugin = await node.connectPlugin("p1");
  const outbox = await node.connectOutbox("p1");
  t.after(() => Promise.all([plugin.close(), outbox.close()]));
  outbox.subscribe("in.p1.>", { callback: (_, message) => void message.respond("stored") });
  await outbox.flush();
  plugin.publish("status", "{}");
  for (const subject of ["telemetry.a.b", "event.a.b"]) await plugin.request(subject, "live");
  const sender = await node.connectLink();
  t.after(() => sender.close());
  await sender.request("umec.n1.p1.telemetry", "frame", { timeout: 3000 });
  await fleet.flush();
  assert.deepEqual(heard, ["umec.n1.p1.telemetry"]);
});

test("a half-open old link locks nobody out: the new one of the same node replaces it at once", async (t) => {
  const { hub, fleet } = await startHub(t);
  const middle = await startMiddlebox(t, new URL(hub.leafUrl));
  const credentialsFile = hub.credentialsFile("n1");
  const startNode = async (url: string) => {
    const link = { urls: [url], credentialsFile, reconnectMs: 100 };
    const options = { node: "n1", dir: await scratch(), natsServerPath, plugins: [], log: silentLog };
    const node = await startBus({ ...options, link });
    t.after(() => node.stop());
    const up = Promise.withResolvers<void>();
    node.onLeafChange((connected) => connected && up.resolve());
    if ((await node.leafState()).connected) up.resolve();
    await up.promise;
    return node;
  };
  const old = await startNode(`nats-leaf://127.0.0.1:${middle.port}`);
  // From here on the hub hears neither a word nor an end of the old link, as after a cut of power.
  middle.freeze();
  await old.stop();
  const startedMs = performance.now();
  const next = await startNode(hub.leafUrl);
  const sender = await next.connectLink();
  t.after(() => sender.close());
  await sender.request("umec.n1.p1.telemetry", "frame", { timeout: 3000 });
  const tookMs = performance.now() - startedMs;
  assert.deepEqual(await stored(fleet), { "umec.n1.p1.telemetry": 1 });
  // The hub's pings would give the old one up after 45 s.
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
});

/** Passes bytes on, until it holds both ends open and passes nothing. */
async function startMiddlebox(t: TestContext, to: URL): Promise<{ port: number; freeze(): void }> {
  const ends: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect(Number(to.port), to.hostname);
    for (const end of [near, far]) end.on("error", () => undefined);
    ends.push(near, far);
    near.pipe(far, { end: false });
    far.pipe(near, { end: false });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const end of ends) end.destroy();
    server.close();
  });
  return {
    port: (server.address() as { port: number }).port,
    freeze() {
      for (const end of ends) end.unpipe().pause();
    },
  };
}
