/** The bus as applications see it: a real nats-server, real WebSockets over TLS. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { before, type TestContext, test } from "node:test";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import type { BusGrant } from "../api/types.ts";
import { isUmecError } from "../errors.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { recordingLog } from "../plugin/testkit.ts";
import { connectApp, loopbackCertificate, type TestCertificate } from "../test-app-bus.ts";
import { createScratch } from "../test-scratch.ts";
import { type Bus, startBus } from "./bus.ts";

const scratch = createScratch();
let natsServerPath: string;
let tls: TestCertificate;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
  tls = await loopbackCertificate(await scratch());
});

async function start(t: TestContext, apps = true, lines: string[] = []): Promise<Bus> {
  const log = recordingLog(({ level, message }) => void lines.push(`${level}: ${message}`));
  const bus = await startBus({
    node: "n1",
    dir: await scratch(),
    natsServerPath,
    plugins: ["meter"],
    ...(apps && { apps: { host: "127.0.0.1", port: 0, tls } }),
    log,
  });
  t.after(() => bus.stop());
  return bus;
}

async function app(
  t: TestContext,
  bus: Bus,
  name: string,
  grant: Partial<BusGrant> = {},
): Promise<NatsConnection> {
  const full = { publish: [], subscribe: [], ...grant };
  const { creds } = await bus.apps.grant(name, full, 60_000);
  const connection = await connectApp(bus.apps.urls[0]!, name, creds);
  t.after(() => connection.close());
  return connection;
}

/** What the server says to a publish or a subscription that is not allowed. */
async function refused(connection: NatsConnection, act: () => void): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  void (async () => {
    for await (const { type, ...rest } of connection.status())
      if (type === "error" && "error" in rest) return resolve((rest.error as Error).message);
  })();
  act();
  return promise;
}

/** The server was started anew, and the connection has come back. */
async function reconnected(connection: Pick<NatsConnection, "status">): Promise<void> {
  for await (const { type } of connection.status()) if (type === "reconnect") return;
}

test("an application hears the points that it was granted, one in a message, and no others", async (t) => {
  const bus = await start(t);
  const node = await bus.apps.connect();
  t.after(() => node.close());
  const board = await app(t, bus, "board", { subscribe: ["umec.n1.meter.telemetry.line.*"] });
  const heard = board.subscribe("umec.n1.meter.telemetry.line.voltage", { max: 1 });
  await board.flush();
  assert.ok(bus.apps.isHeard("umec.n1.meter.telemetry.line.voltage"));
  assert.ok(!bus.apps.isHeard("umec.n1.meter.telemetry.case.open"));
  node.publish("umec.n1.meter.telemetry.line.voltage", "230");
  for await (const message of heard) assert.equal(message.string(), "230");
  assert.equal(await bus.apps.connections(), 1);
});

test("a command comes in by the door, with who has sent it as the server says, whatever the sender says", async (t) => {
  const bus = await start(t);
  const door = await bus.apps.connectDoor();
  t.after(() => door.close());
  door.subscribe("umec.n1.*.command.>", {
    callback: (_, message) => void message.respond(`${message.subject} by ${bus.apps.senderOf(message)}`),
  });
  await door.flush();
  const board = await app(t, bus, "board", { publish: ["umec.n1.lamp.command.level"] });
  const { headers } = await import("@nats-io/nats-core");
  const forged = headers();
  forged.set("Nats-Request-Info", JSON.stringify({ acc: "x", name_tag: "app.other" }));
  const options = { timeout: 2000, headers: forged };
  const answer = await board.request("umec.n1.lamp.command.level", "1", options);
  assert.equal(answer.string(), "umec.n1.lamp.command.level by board");
  assert.equal(bus.apps.senderOf({ headers: forged }), undefined);
});

test("a hostile application reaches nothing that it was not granted", async (t) => {
  const bus = await start(t);
  const spy = await app(t, bus, "spy", {
    publish: ["umec.n1.lamp.command.level", "app.spy.>"],
    subscribe: ["umec.n1.meter.telemetry.line.voltage"],
  });
  const subscriptions = [
    ...[">", "*.>", "umec.>", "umec.n1.meter.telemetry.>", "umec.n1.*.telemetry.line.voltage", "app.>"],
    ...["$SYS.>", "_INBOX_app.>", "_INBOX_app.other.>", "_INBOX_apps.>", "_R_.>", "umec.n1.*.command.>"],
  ];
  for (const subject of subscriptions) {
    await t.test(`it subscribes to ${subject}`, async () => {
      assert.match(await refused(spy, () => void spy.subscribe(subject)), /Permissions Violation/);
    });
  }
  const publishes = [
    ...["umec.n1.meter.telemetry.line.voltage", "umec.n1.lamp.command.other", "app.other.x", "telemetry.x"],
    ...[
      "$SYS.REQ.SERVER.PING",
      "_INBOX_app.other.x",
      "in.meter.telemetry.x",
      "cmd.n1.lamp.level",
      "$JS.API.INFO",
    ],
  ];
  for (const subject of publishes) {
    await t.test(`it publishes to ${subject}`, async () => {
      assert.match(await refused(spy, () => spy.publish(subject, "x")), /Permissions Violation/);
    });
  }
  await t.test("its credentials are of no use on the listener for this machine", async () => {
    const { creds } = await bus.apps.grant("spy", { publish: [], subscribe: [] }, 60_000);
    const authenticator = credsAuthenticator(new TextEncoder().encode(creds));
    await assert.rejects(connect({ servers: bus.url, authenticator, reconnect: false }), /Authorization/);
  });
  await t.test("nobody comes in without credentials", async () => {
    await assert.rejects(connectApp(bus.apps.urls[0]!, "x", "no credentials"));
  });
  await t.test("what can't be granted is refused before it is signed", async () => {
    for (const subject of [
      ">",
      "umec.>",
      "umec.n2.meter.telemetry.x",
      "app.>",
      "$SYS.>",
      "umec.n1.meter.status",
    ])
      await assert.rejects(bus.apps.grant("spy", { publish: [subject], subscribe: [] }, 60_000), (error) =>
        isUmecError(error, "BUS_GRANT"),
      );
  });
  await t.test("without a right to publish it may publish nothing at all", async () => {
    const mute = await app(t, bus, "mute");
    assert.match(await refused(mute, () => mute.publish("app.x", "x")), /Permissions Violation/);
  });
});

test("one application serves another, and can be made to answer nowhere but into an inbox", async (t) => {
  const bus = await start(t);
  const service = await app(t, bus, "service", { subscribe: ["app.weather.>"] });
  service.subscribe("app.weather.now", { callback: (_, message) => void message.respond("sunny") });
  await service.flush();
  const client = await app(t, bus, "client", { publish: ["app.weather.>"] });
  assert.equal((await client.request("app.weather.now", "", { timeout: 2000 })).string(), "sunny");
  const violation = await refused(service, () =>
    client.publish("app.weather.now", "", { reply: "umec.n1.lamp.command.level" }),
  );
  assert.match(violation, /Permissions Violation for Publish to "umec\.n1\.lamp\.command\.level"/);
});

test("who is put out is out within a second; the others and the plugins lose nothing", async (t) => {
  const bus = await start(t);
  const node = await bus.apps.connect();
  const [plugin, outbox] = [await bus.connectPlugin("meter"), await bus.connectOutbox("meter")];
  t.after(() => Promise.all([node.close(), plugin.close(), outbox.close()]));
  outbox.subscribe("in.meter.>", { callback: (_, message) => void message.respond() });
  await outbox.flush();
  const grant = { subscribe: ["umec.n1.meter.telemetry.>"] };
  const [bad, second, good] = [
    await app(t, bus, "bad", grant),
    await app(t, bus, "bad", { publish: ["app.x"] }),
    await app(t, bus, "good", grant),
  ];
  const heard: number[] = [];
  good.subscribe("umec.n1.meter.telemetry.>", {
    callback: (_, message) => void heard.push(Number(message.string())),
  });
  await good.flush();
  let sent = 0;
  let revoking = true;
  const emits = (async () => {
    while (revoking) {
      await plugin.request("telemetry.line.voltage", "x", { timeout: 2000 });
      for (let n = 0; n < 20; n++) node.publish("umec.n1.meter.telemetry.line.voltage", String(sent++));
    }
  })();
  const late = await bus.apps.grant("bad", { publish: [], subscribe: [] }, 60_000);
  const beganMs = performance.now();
  await bus.apps.revoke("bad");
  await Promise.all([bad.closed(), second.closed()]);
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs < 1000, `${tookMs} ms`);
  await assert.rejects(connectApp(bus.apps.urls[0]!, "bad", late.creds), /Authorization/);
  // What it is given from now on holds.
  const again = await app(t, bus, "bad", grant);
  revoking = false;
  await emits;
  await node.flush();
  await good.flush();
  assert.deepEqual([good.isClosed(), again.isClosed()], [false, false]);
  assert.deepEqual(
    heard,
    Array.from({ length: sent }, (_, at) => at),
  );
});

test("who floods is put out and told by name; the others stay", async (t) => {
  const lines: string[] = [];
  const bus = await start(t, true, lines);
  const good = await app(t, bus, "good");
  const floods: Record<string, (bad: NatsConnection) => Promise<void>> = {
    messages: async (bad) => {
      while (!bad.isClosed()) {
        for (let n = 0; n < 2000; n++) bad.publish("app.bad.x", "x");
        await Promise.race([bad.flush(), bad.closed()]);
      }
    },
    refused: async (bad) => {
      while (!bad.isClosed()) {
        for (let n = 0; n < 2000; n++) bad.publish("umec.n1.lamp.command.level", "x");
        await Promise.race([bad.flush(), bad.closed()]);
      }
    },
    connections: async () => {
      const { creds } = await bus.apps.grant("connections", { publish: [], subscribe: [] }, 60_000);
      for (let n = 0; n < 9; n++) {
        const more = await connectApp(bus.apps.urls[0]!, "connections", creds);
        t.after(() => more.close());
      }
    },
  };
  for (const [name, flood] of Object.entries(floods)) {
    await t.test(`a flood: ${name}`, async () => {
      const bad = await app(t, bus, name, { publish: ["app.bad.>"] });
      await flood(bad).catch(() => undefined);
      await bad.closed();
      assert.ok(lines.some((line) => line.startsWith(`error: ${name} floods the bus and is put out: `)));
      const again = bus.apps.grant(name, { publish: [], subscribe: [] }, 60_000);
      await assert.rejects(again, (error) => isUmecError(error, "BUS_APP_OUT"));
      await good.flush();
    });
  }
  const told = lines.filter((line) => /^(warn|error): .*Publish Violation/.test(line));
  assert.ok(told.length <= 3, `${told.length} lines`);
});

test("credentials end when they say so", async (t) => {
  const bus = await start(t);
  const { creds, expiresAtMs } = await bus.apps.grant(
    "board",
    { publish: [], subscribe: ["app.x.>"] },
    2_000,
  );
  assert.ok(bus.apps.isHeard("app.x.y"));
  const board = await connectApp(bus.apps.urls[0]!, "board", creds);
  assert.match(String(await board.closed()), /Expired/);
  assert.ok(Date.now() >= expiresAtMs - 1000);
});

test("the listener opens, gets another certificate and closes while the plugins' connections come back", async (t) => {
  const bus = await start(t, false);
  assert.deepEqual(bus.apps.urls, []);
  await assert.rejects(bus.apps.grant("a", { publish: [], subscribe: [] }, 1), (error) =>
    isUmecError(error, "BUS_APPS_CLOSED"),
  );
  const plugin = await bus.connectPlugin("meter");
  t.after(() => plugin.close());
  const listener = { host: "127.0.0.1", port: 0, tls };
  const opened = reconnected(plugin);
  await bus.apps.listen(listener);
  await opened;
  const board = await app(t, bus, "board");
  const url = bus.apps.urls[0];
  await plugin.flush();

  await bus.apps.listen({ ...listener, tls: await loopbackCertificate(await scratch()) });
  assert.equal(bus.apps.urls[0], url);
  await board.flush();
  await (await app(t, bus, "new")).flush();

  const closed = reconnected(plugin);
  await bus.apps.listen(undefined);
  await Promise.all([closed, board.closed()]);
  assert.deepEqual(bus.apps.urls, []);
  await plugin.flush();
});

test("a port that is taken, or a key of another certificate, changes nothing", async (t) => {
  const bus = await start(t);
  const board = await app(t, bus, "board");
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  await assert.rejects(bus.apps.listen({ host: "127.0.0.1", port, tls }), (error) =>
    isUmecError(error, "BUS_APPS_PORT"),
  );
  const { key } = await loopbackCertificate(await scratch());
  await assert.rejects(bus.apps.listen({ host: "127.0.0.1", port: 0, tls: { ...tls, key } }), (error) =>
    isUmecError(error, "BUS_APPS_TLS"),
  );
  await board.flush();
  await bus.setPlugins(["meter", "other"]);
  await board.flush();
});
