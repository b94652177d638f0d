import assert from "node:assert/strict";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { isUmecError } from "../errors.ts";
import { type HubServer, startHubServer } from "../hub/server.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { streamName, streamSubjects } from "../subjects.ts";
import { createScratch } from "../test-scratch.ts";
import { type Bus, type LinkRemote, startBus } from "./bus.ts";
import { drawReconnectMs } from "./config.ts";
import { parseGoDuration, parseTrouble } from "./leaf.ts";

let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

const scratch = createScratch();

async function startHub(t: TestContext, nodes = ["n1"], listen?: { dir: string; leafListen: string }) {
  const dir = listen?.dir ?? (await scratch());
  const leafListen = listen?.leafListen ?? "127.0.0.1:0";
  const hub = await startHubServer({ dir, natsServerPath, nodes, leafListen, log: silentLog });
  t.after(() => hub.stop());
  return hub;
}

function remote(hub: HubServer, node = "n1"): LinkRemote {
  return { urls: [hub.leafUrl], credentialsFile: hub.credentialsFile(node), reconnectMs: 100 };
}

async function startNode(t: TestContext, link: LinkRemote | undefined, plugins = ["p1"]): Promise<Bus> {
  const dir = await scratch();
  const options = { node: "n1", dir, natsServerPath, plugins, log: silentLog };
  const node = await startBus(link ? { ...options, link } : options);
  t.after(() => node.stop());
  return node;
}

function open(t: TestContext, connection: NatsConnection): NatsConnection {
  t.after(() => connection.close());
  return connection;
}

/** Resolves when the link is up (or down); the listener comes first, so no change is missed. */
async function leaf(node: Bus, connected: boolean): Promise<void> {
  const reached = Promise.withResolvers<void>();
  const off = node.onLeafChange((now) => now === connected && reached.resolve());
  if ((await node.leafState()).connected === connected) reached.resolve();
  await reached.promise;
  off();
}

async function withStream(t: TestContext, hub: HubServer): Promise<NatsConnection> {
  const fleet = open(t, await hub.connectFleet());
  const manager = await jetstreamManager(fleet);
  await manager.streams.add({ name: streamName, subjects: [...streamSubjects], allow_direct: true });
  return fleet;
}

function expecting(last: number) {
  const head = headers();
  head.set("Nats-Expected-Last-Subject-Sequence", String(last));
  return { headers: head, timeout: 3000 };
}

test("a frame published through the link is acknowledged and its chain's last message can be asked for", async (t) => {
  const hub = await startHub(t);
  await withStream(t, hub);
  const node = await startNode(t, remote(hub));
  await leaf(node, true);
  const link = open(t, await node.connectLink());
  const chain = "umec.n1.p1.telemetry";

  const empty = await link.request(`hub.last.${chain}`);
  assert.equal(empty.headers?.code, 404);
  const first = (await link.request(chain, "one", expecting(0))).json<{ stream: string; seq: number }>();
  assert.equal(first.stream, streamName);
  const second = await link.request(chain, "two", expecting(first.seq));
  assert.equal(second.json<{ seq: number }>().seq, first.seq + 1);
  const repeated = await link.request(chain, "two", expecting(first.seq));
  assert.equal(repeated.json<{ error: { err_code: number } }>().error.err_code, 10071);

  const last = await link.request(`hub.last.${chain}`);
  assert.equal(last.string(), "two");
  assert.equal(last.headers?.get("Nats-Sequence"), String(first.seq + 1));
});

test("a node can't write on another's chain, by name or by a reply subject", async (t) => {
  const hub = await startHub(t, ["n1", "n2"]);
  const fleet = await withStream(t, hub);
  const node = await startNode(t, remote(hub));
  await leaf(node, true);
  const link = open(t, await node.connectLink());
  link.publish("umec.n2.p1.telemetry", "forged");
  link.publish("umec.n1.p1.telemetry", "own", { reply: "umec.n2.p1.telemetry" });
  await link.request("umec.n1.p1.telemetry", "own", { timeout: 3000 });
  const manager = await jetstreamManager(fleet);
  const info = await manager.streams.info(streamName, { subjects_filter: ">" });
  assert.deepEqual(info.state.subjects, { "umec.n1.p1.telemetry": 2 });
});

test("live samples stay on the node", async (t) => {
  const hub = await startHub(t);
  const fleet = await withStream(t, hub);
  const heard: string[] = [];
  fleet.subscribe("umec.>", { callback: (_, { subject }) => void heard.push(subject) });
  fleet.subscribe("in.>", { callback: (_, { subject }) => void heard.push(subject) });
  await fleet.flush();
  const node = await startNode(t, remote(hub));
  await leaf(node, true);
  const outbox = open(t, await node.connectOutbox("p1"));
  outbox.subscribe("in.p1.>", { callback: (_, message) => void message.respond("stored") });
  const api = open(t, await node.connectApi());
  const live = api.subscribe("umec.n1.p1.telemetry.>", { max: 1 });
  await Promise.all([outbox.flush(), api.flush()]);
  const plugin = open(t, await node.connectPlugin("p1"));
  assert.equal((await plugin.request("telemetry.raw", "1")).string(), "stored");
  for await (const message of live) assert.equal(message.subject, "umec.n1.p1.telemetry.raw");

  // A frame goes the same way after it: what had leaked would be heard before.
  const link = open(t, await node.connectLink());
  await link.request("umec.n1.p1.telemetry", "frame", { timeout: 3000 });
  await fleet.flush();
  assert.deepEqual(heard, ["umec.n1.p1.telemetry"]);
});

test("a command from the hub reaches the plugin, also one that was added later, and the reply comes back", async (t) => {
  const hub = await startHub(t);
  const fleet = open(t, await hub.connectFleet());
  const node = await startNode(t, remote(hub));
  await leaf(node, true);
  for (const name of ["p1", "p2"]) {
    await node.setPlugins(["p1", "p2"]);
    const plugin = open(t, await node.connectPlugin(name));
    plugin.subscribe("command.>", {
      callback: (_, message) => void message.respond(`${name} ${message.subject}`),
    });
    await plugin.flush();
    const reply = await fleet.request(`cmd.n1.${name}.relay.on`, "true", { timeout: 3000 });
    assert.equal(reply.string(), `${name} command.relay.on`);
  }
});

test("the link's state and its changes are told", async (t) => {
  const hub = await startHub(t);
  const node = await startNode(t, remote(hub));
  await leaf(node, true);
  const state = await node.leafState();
  assert.equal(state.remote, "hub");
  assert.ok(state.rttMs === undefined || (state.rttMs > 0 && state.rttMs < 5000));
  const changes: boolean[] = [];
  const told = Promise.withResolvers<void>();
  node.onLeafChange((connected) => {
    if (changes.push(connected) === 2) told.resolve();
  });
  await node.setLink(undefined);
  await leaf(node, false);
  assert.deepEqual(await node.leafState(), { connected: false });
  await node.setLink(remote(hub));
  await leaf(node, true);
  // The state can be asked for before its change is told. A remote that a reload added may flap once.
  await told.promise;
  assert.deepEqual(changes.slice(0, 2), [false, true]);
});

test("a first link with a waiting time of its own is dialled, and plugins' connections come back", async (t) => {
  const hub = await startHub(t);
  const node = await startNode(t, undefined);
  const { url } = node;
  const plugin = open(t, await node.connectPlugin("p1"));
  const outbox = open(t, await node.connectOutbox("p1"));
  outbox.subscribe("in.p1.>", { callback: (_, message) => void message.respond("stored") });
  const back = [plugin, outbox].map(async (one) => {
    for await (const { type } of one.status()) if (type === "reconnect") return;
  });
  await node.setLink(remote(hub));
  await Promise.all([leaf(node, true), ...back]);
  assert.equal(node.url, url);
  await outbox.flush();
  assert.equal((await plugin.request("telemetry.x")).string(), "stored");
});

test("a link that nats-server refuses changes nothing", async (t) => {
  const hub = await startHub(t);
  const node = await startNode(t, remote(hub));
  await leaf(node, true);
  const bad = { ...remote(hub), urls: ["nats-leaf://host:port"] };
  await assert.rejects(node.setLink(bad), (error) => isUmecError(error, "NATS_SERVER_RELOAD_FAILED"));
  assert.equal((await node.leafState()).connected, true);
});

test("bouncing the link brings a new one and keeps the node's own connections", async (t) => {
  const hub = await startHub(t);
  await withStream(t, hub);
  const node = await startNode(t, remote(hub));
  await leaf(node, true);
  const link = open(t, await node.connectLink());
  const before = link.info?.client_id;
  const changes: boolean[] = [];
  const back = Promise.withResolvers<void>();
  node.onLeafChange((connected) => {
    changes.push(connected);
    if (connected) back.resolve();
  });
  await node.bounceLink();
  await back.promise;
  assert.deepEqual(changes, [false, true]);
  assert.equal(
    (await link.request("umec.n1.p1.telemetry", "x", expecting(0))).json<{ seq: number }>().seq,
    1,
  );
  assert.equal(link.info?.client_id, before);
});

test("the link comes back when the hub was started again, with the credentials from before", async (t) => {
  const hub = await startHub(t);
  const node = await startNode(t, remote(hub));
  await leaf(node, true);
  await hub.stop();
  await leaf(node, false);
  const dir = join(hub.credentialsFile("n1"), "..", "..");
  const leafListen = new URL(hub.leafUrl).host;
  await startHub(t, ["n1"], { dir, leafListen });
  await leaf(node, true);
});

test("nodes draw their waiting time within 50 % of the mean", () => {
  assert.equal(
    drawReconnectMs(1000, () => 0),
    500,
  );
  assert.equal(
    drawReconnectMs(1000, () => 0.999999),
    1500,
  );
});

test("Go's durations are read", () => {
  assert.equal(parseGoDuration("688µs"), 0.688);
  assert.equal(parseGoDuration("1m2.5s"), 62_500);
  assert.equal(parseGoDuration("3.25ms"), 3.25);
  assert.equal(parseGoDuration("0s"), 0);
  assert.equal(parseGoDuration("soon"), undefined);
  assert.equal(parseGoDuration(undefined), undefined);
});

test("nats-server's words say why there is no link, and no client's name can pass for them", () => {
  const violation = "127.0.0.1:7422 - lid:9 - Leafnode Error 'Authorization Violation'";
  assert.equal(parseTrouble(violation), "Authorization Violation");
  const dial = 'Error trying to connect as leafnode to remote server "h:1" (attempt 1): dial tcp: refused';
  assert.equal(parseTrouble(dial), "dial tcp: refused");
  const tls = "127.0.0.1:1 - lid:5 - TLS leafnode handshake error: x509: certificate has expired";
  assert.equal(parseTrouble(tls), "TLS leafnode handshake error: x509: certificate has expired");
  assert.equal(parseTrouble(`127.0.0.1:1 - cid:5 - "x - ${violation}" - slow`), undefined);
});

test("why the hub is not reached is told, and what repeats it is not logged", async (t) => {
  const hub = await startHub(t, ["n1", "n2"]);
  const dir = await scratch();
  const lines: string[] = [];
  const error = (line: string) => void lines.push(line);
  const log = { ...silentLog, error, child: () => log };
  const node = await startBus({ node: "n1", dir, natsServerPath, plugins: [], log });
  t.after(() => node.stop());
  const reasons: string[] = [];
  const third = Promise.withResolvers<void>();
  node.onLeafTrouble((reason) => reasons.push(reason) === 3 && third.resolve());
  const link = remote(hub);
  await hub.setNodes(["n2"]);
  await node.setLink(link);
  await third.promise;
  assert.deepEqual([...new Set(reasons)], ["Authorization Violation"]);
  assert.equal(lines.filter((line) => line.includes("Authorization Violation")).length, 1);
});
