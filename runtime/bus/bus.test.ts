import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import type { NatsConnection } from "@nats-io/transport-node";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { connectProcess } from "../test-node.ts";
import { createScratch } from "../test-scratch.ts";
import { type Bus, startBus } from "./bus.ts";

let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

const scratch = createScratch();

async function bus(t: TestContext, plugins: readonly string[], dir?: string): Promise<Bus> {
  const log = silentLog;
  const node = await startBus({ node: "n1", dir: dir ?? (await scratch()), natsServerPath, plugins, log });
  t.after(() => node.stop());
  return node;
}

/** Closes the connection with the test, however it ends. */
function open(t: TestContext, connection: NatsConnection): NatsConnection {
  t.after(() => connection.close());
  return connection;
}

/** Answers all that the outbox of `plugin` gets with its subject. */
async function echoOutbox(t: TestContext, node: Bus, plugin: string): Promise<NatsConnection> {
  const outbox = open(t, await node.connectOutbox(plugin));
  outbox.subscribe(`in.${plugin}.>`, { callback: (_, message) => void message.respond(message.subject) });
  await outbox.flush();
  return outbox;
}

test("what a plugin emits reaches its outbox, which answers, and the API sees it live", async (t) => {
  const node = await bus(t, ["p1"]);
  const plugin = open(t, await node.connectPlugin("p1"));
  await echoOutbox(t, node, "p1");
  const api = open(t, await node.connectApi());
  const live = api.subscribe("umec.n1.p1.telemetry.>", { max: 1 });
  await api.flush();
  const answer = await plugin.request("telemetry.device.voltage", "21.5");
  assert.equal(answer.string(), "in.p1.telemetry.device.voltage");
  for await (const message of live) {
    assert.equal(message.subject, "umec.n1.p1.telemetry.device.voltage");
    assert.equal(message.string(), "21.5");
  }
});

test("the API's command reaches the plugin's handler and its reply comes back", async (t) => {
  const node = await bus(t, ["p1"]);
  const plugin = open(t, await node.connectPlugin("p1"));
  plugin.subscribe("command.>", { callback: (_, message) => void message.respond(message.subject) });
  await plugin.flush();
  const api = open(t, await node.connectApi());
  assert.equal((await api.request("umec.n1.p1.command.relay.on", "true")).string(), "command.relay.on");
});

test("a plugin reaches nothing of another, whatever it names", async (t) => {
  const node = await bus(t, ["p1", "p2"]);
  const p1 = open(t, await node.connectPlugin("p1"));
  const p2 = open(t, await node.connectPlugin("p2"));
  const heard: string[] = [];
  const outbox = open(t, await node.connectOutbox("p2"));
  outbox.subscribe("in.p2.>", { callback: (_, { subject }) => void heard.push(subject) });
  p2.subscribe("command.>", { callback: (_, { subject }) => void heard.push(subject) });
  const api = open(t, await node.connectApi());
  api.subscribe("umec.n1.p2.>", { callback: (_, { subject }) => void heard.push(subject) });
  await Promise.all([outbox.flush(), p2.flush(), api.flush()]);

  const refused: string[] = [];
  const watching = (async () => {
    for await (const status of p1.status()) {
      if (status.type === "error") refused.push(status.error.message);
    }
  })();
  const forbidden = [
    "in.p2.telemetry.x",
    "umec.n1.p2.telemetry.x",
    "command.x",
    "$SYS.REQ.SERVER.PING",
    "p2.x",
  ];
  for (const subject of forbidden) p1.publish(subject, "forged");
  p1.publish("telemetry.x", "mine", { reply: "umec.n1.p2.telemetry.x" });
  for (const subject of ["umec.>", "telemetry.>", ">", "_INBOX_p2.>"]) p1.subscribe(subject);
  await p1.flush();
  await Promise.all([outbox.flush(), p2.flush(), api.flush()]);
  await p1.close();
  await watching;

  assert.deepEqual(heard, []);
  assert.equal(refused.length, forbidden.length + 4);
});

test("the outbox's connection can't publish on its own account", async (t) => {
  const node = await bus(t, ["p1"]);
  const outbox = open(t, await node.connectOutbox("p1"));
  const errors = outbox.status()[Symbol.asyncIterator]();
  outbox.publish("umec.n1.p1.telemetry", "forged");
  const { value } = await errors.next();
  assert.equal(value?.type, "error");
});

test("adding and removing plugins cuts nobody else off and loses no request", async (t) => {
  const node = await bus(t, ["p1", "p2"]);
  const plugin = open(t, await node.connectPlugin("p1"));
  const gone = open(t, await node.connectPlugin("p2"));
  const outbox = await echoOutbox(t, node, "p1");
  const api = open(t, await node.connectApi());
  const all = [plugin, outbox, api];
  const before = all.map((one) => one.info?.client_id);

  let running = true;
  let answered = 0;
  const load = Array.from({ length: 8 }, async () => {
    for (; running; answered++) await plugin.request("telemetry.x", "1", { timeout: 5000 });
  });
  await node.setPlugins(["p1", "p2", "p3"]);
  const added = open(t, await node.connectPlugin("p3"));
  await echoOutbox(t, node, "p3");
  assert.equal((await added.request("event.x")).string(), "in.p3.event.x");
  await node.setPlugins(["p1", "p3"]);
  await gone.closed();
  running = false;
  await Promise.all(load);

  assert.ok(answered > 0);
  assert.deepEqual(
    all.map((one) => one.info?.client_id),
    before,
  );
  await assert.rejects(node.connectPlugin("p2"), (error) => isUmecError(error, "BUS_PLUGIN_UNKNOWN"));
});

test("a command that is under way while plugins change is still answered", async (t) => {
  const node = await bus(t, ["p1"]);
  const plugin = open(t, await node.connectPlugin("p1"));
  const commands = plugin.subscribe("command.>")[Symbol.asyncIterator]();
  await plugin.flush();
  const api = open(t, await node.connectApi());
  const reply = api.request("umec.n1.p1.command.door", "", { timeout: 5000 });
  const { value: command } = await commands.next();
  await node.setPlugins(["p1", "p2"]);
  command!.respond("open");
  assert.equal((await reply).string(), "open");
});

test("after nats-server was killed its clients come back on the same port and are answered", async (t) => {
  const dir = await scratch();
  const node = await bus(t, ["p1"], dir);
  const { url } = node;
  const plugin = open(t, await node.connectPlugin("p1"));
  const outbox = await echoOutbox(t, node, "p1");
  const back = [plugin, outbox].map(async (one) => {
    for await (const { type } of one.status()) if (type === "reconnect") return;
  });
  process.kill(Number(await readFile(join(dir, "nats-server.pid"), "utf8")), "SIGKILL");
  await Promise.all(back);
  await outbox.flush();
  assert.equal((await plugin.request("telemetry.x")).string(), "in.p1.telemetry.x");
  assert.equal(node.url, url);
});

test("a name that is no name is refused before anything changes", async (t) => {
  const node = await bus(t, ["p1"]);
  for (const name of ["p2.>", "P2", "", "a b"]) {
    await assert.rejects(node.setPlugins(["p1", name]), (error) => isUmecError(error, "BUS_NAME"), name);
  }
  open(t, await node.connectPlugin("p1"));
});

test("it tells the memory that nats-server takes", async (t) => {
  const node = await bus(t, []);
  const { memoryBytes } = await node.usage();
  assert.ok(memoryBytes > 5e6 && memoryBytes < 100e6, `${memoryBytes}`);
});

test("aborting the signal stops it", async (t) => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const dir = await scratch();
  const node = await startBus({ node: "n1", dir, natsServerPath, plugins: ["p1"], log: silentLog, signal });
  const plugin = open(t, await node.connectPlugin("p1"));
  const down = (async () => {
    for await (const { type } of plugin.status()) if (type === "disconnect") return;
  })();
  stopping.abort();
  await down;
  await node.stop();
});

test("a program whose commands are judged hears only what was, and can't pass itself off as the judge", async (t) => {
  const node = await bus(t, ["p1"]);
  const program = open(t, await connectProcess(node, "p1", { gated: true }));
  const judge = open(t, await node.connectPlugin("p1"));
  const refused = Promise.withResolvers<Error>();
  program.subscribe("command.>", { callback: (error) => void (error && refused.resolve(error)) });
  assert.match((await refused.promise).message, /permissions violation/i);
  program.subscribe("checked.>", { callback: (_, message) => void message.respond("done") });
  await program.flush();
  assert.equal((await judge.request("checked.lamp", "80")).string(), "done");
  judge.subscribe("object.put", { callback: (_, message) => void message.respond("kept") });
  await judge.flush();
  assert.equal((await program.request("object.put", "{}")).string(), "kept");
  await assert.rejects(program.request("checked.lamp", "80"), /permissions violation/i);
});

test("alarms that the node tells of are seen in the account API", async (t) => {
  const node = await bus(t, []);
  const api = open(t, await node.connectApi());
  const live = api.subscribe("umec.n1.alarms.event.>", { max: 1 });
  await api.flush();
  const alarms = open(t, await node.connectAlarms());
  alarms.publish("umec.n1.alarms.event.hot", "[]");
  for await (const message of live) assert.equal(message.subject, "umec.n1.alarms.event.hot");
});
