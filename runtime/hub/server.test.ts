import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { createScratch } from "../test-scratch.ts";
import { provisionBuckets } from "./objects.ts";
import { type HubServer, type HubServerOptions, startHubServer } from "./server.ts";

let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

const scratch = createScratch();

async function start(t: TestContext, dir: string, options: Partial<HubServerOptions> = {}) {
  const hub = await startHubServer({ dir, natsServerPath, nodes: ["n1"], log: silentLog, ...options });
  t.after(() => hub.stop());
  return hub;
}

async function storeOne(t: TestContext, hub: HubServer): Promise<void> {
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  const manager = await jetstreamManager(fleet);
  await manager.streams.add({ name: "TELEMETRY", subjects: ["umec.*.*.*"] });
  await fleet.request("umec.n1.p1.telemetry", "kept");
}

test("what the hub acknowledged is there after it was started again, and the credentials are the same", async (t) => {
  const dir = await scratch();
  const first = await start(t, dir);
  await storeOne(t, first);
  const credentials = await readFile(first.credentialsFile("n1"), "utf8");
  await first.stop();

  const second = await start(t, dir);
  assert.equal(await readFile(second.credentialsFile("n1"), "utf8"), credentials);
  const fleet = await second.connectFleet();
  t.after(() => fleet.close());
  const manager = await jetstreamManager(fleet);
  assert.equal((await manager.streams.info("TELEMETRY")).state.messages, 1);
});

test("keys, credentials and the configuration are its owner's alone, and every write is synced", async (t) => {
  const dir = await scratch();
  const hub = await start(t, dir);
  const files = [join(dir, "keys.json"), join(dir, "nats-server.conf"), hub.credentialsFile("n1")];
  for (const file of files) assert.equal((await stat(file)).mode & 0o777, 0o600, file);
  assert.match(await readFile(join(dir, "nats-server.conf"), "utf8"), /sync_interval: always/);
});

test("a node's credentials open no client connection", async (t) => {
  const hub = await start(t, await scratch());
  const authenticator = credsAuthenticator(await readFile(hub.credentialsFile("n1")));
  await assert.rejects(connect({ servers: hub.clientUrl, authenticator, reconnect: false }));
});

test("another process reads with the fleet's credentials file, which stays the same", async (t) => {
  const dir = await scratch();
  const first = await start(t, dir);
  const file = await first.fleetCredentialsFile();
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const credentials = await readFile(file);
  await first.stop();

  const hub = await start(t, dir);
  assert.deepEqual(await readFile(await hub.fleetCredentialsFile()), credentials);
  await storeOne(t, hub);
  const reader = await connect({
    servers: hub.clientUrl,
    authenticator: credsAuthenticator(credentials),
    reconnect: false,
  });
  t.after(() => reader.close());
  const { streams } = await jetstreamManager(reader);
  assert.equal((await streams.info("TELEMETRY")).state.messages, 1);
});

test("nodes come and go while the fleet's connection stays, and a node that returns keeps its credentials", async (t) => {
  const hub = await start(t, await scratch());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  const before = fleet.info?.client_id;
  const credentials = await readFile(hub.credentialsFile("n1"), "utf8");
  await hub.setNodes(["n2"]);
  assert.throws(
    () => hub.credentialsFile("n1"),
    (error) => isUmecError(error, "HUB_NODE_UNKNOWN"),
  );
  assert.match(await readFile(hub.credentialsFile("n2"), "utf8"), /USER JWT/);
  await hub.setNodes(["n1", "n2"]);
  assert.equal(await readFile(hub.credentialsFile("n1"), "utf8"), credentials);
  await fleet.flush();
  assert.equal(fleet.info?.client_id, before);
});

test("a bucket for each of a fleet sets no space aside: what they may take together is more than any disk", async (t) => {
  const nodes = ["n1", "n2", "n3"];
  const hub = await start(t, await scratch(), { nodes });
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionBuckets(fleet, nodes, { maxBytes: 200e12, log: silentLog });
});

test("names that are no node's are refused", async (t) => {
  const hub = await start(t, await scratch());
  for (const name of ["n1.>", "../n1", ""]) {
    await assert.rejects(hub.setNodes([name]), (error) => isUmecError(error, "HUB_NODE_NAME"), name);
  }
});

test("a port for nodes that other machines reach needs TLS", async (t) => {
  for (const leafListen of ["0.0.0.0:0", "[::]:0", "hub.example:7422"]) {
    await assert.rejects(start(t, await scratch(), { leafListen }), (error) =>
      isUmecError(error, "HUB_TLS_REQUIRED"),
    );
  }
});

test("damaged keys are an error: new ones would lock every node out", async (t) => {
  const dir = await scratch();
  await (await start(t, dir)).stop();
  await writeFile(join(dir, "keys.json"), '{"version":1,"operator":"SO');
  await assert.rejects(start(t, dir), (error) => isUmecError(error, "HUB_KEYS_DAMAGED"));
});
