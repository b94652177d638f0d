/**
 * What a plugin with its own valid credentials can do to the node and to other plugins: nothing that is not refused or
 * limited, counted, and told under its name. A real node, a real nats-server, a real outbox, real processes. Floods are in
 * floods.test.ts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostileNode, speak, startHostileNode } from "../test-hostile-node.ts";
import { createScratch } from "../test-scratch.ts";

const scratch = createScratch();
const program = new URL("./fixtures/hostile.ts", import.meta.url).pathname;

const idle = (name: string): string => `  ${name}: { exec: [/bin/sleep, "1000"] }\n`;
const pub = (subject: string, body: string, reply = ""): string =>
  `PUB ${subject} ${reply && `${reply} `}${Buffer.byteLength(body)}\r\n${body}\r\n`;
const sample = JSON.stringify([{ n: "a/forged", v: 1 }]);

async function refusals(node: HostileNode, plugin: string): Promise<Record<string, number>> {
  return (await node.plugin(plugin)).limits?.refused ?? {};
}

test("whatever a plugin names that is not its own is refused, counted and told by its name", async (t) => {
  const node = await startHostileNode(t, await scratch());
  await node.setPlugins(idle("spy") + idle("other"));
  await node.plugin("spy", ({ process }) => process !== undefined);

  const publishes = {
    "as another plugin, by the outbox's name for it": pub("in.other.telemetry.a.forged", sample),
    "into its own way to the outbox, past its account": pub("in.spy.telemetry.a.forged", sample),
    "as another plugin, by the API's name": pub("umec.n1.other.telemetry.a.forged", sample),
    "on a chain of the node": pub("umec.n1.spy.telemetry", sample),
    "a command to another plugin": pub("umec.n1.other.command.x", "1"),
    "a command to itself, as the node": pub("command.x", "1"),
    "to JetStream": pub("$JS.API.STREAM.LIST", "", "_INBOX_spy.1"),
    "to the hub's JetStream": pub("$JS.hub.API.STREAM.DELETE.TELEMETRY", ""),
    "to the system account": pub("$SYS.REQ.SERVER.PING.CONNZ", "", "_INBOX_spy.1"),
    "into another plugin's inbox": pub("_INBOX_other.1", "forged"),
    "a look at the hub's last message": pub("hub.last.umec.n1.other.telemetry", "", "_INBOX_spy.1"),
  };
  for (const [what, lines] of Object.entries(publishes)) {
    await t.test(`it publishes ${what}`, async () => {
      const before = (await refusals(node, "spy")).BUS_PUBLISH ?? 0;
      assert.match(await node.speak("spy", lines), /Permissions Violation for Publish to/);
      await node.plugin("spy", ({ limits }) => limits?.refused.BUS_PUBLISH === before + 1);
    });
  }

  const subscriptions = [
    ">",
    "*.>",
    "in.>",
    "in.other.>",
    "umec.>",
    "telemetry.>",
    "status",
    "$SYS.>",
    "$JS.>",
  ];
  for (const subject of [
    ...subscriptions,
    "_R_.>",
    "_INBOX.>",
    "_INBOX_other.>",
    "_INBOX_*.>",
    "checked.>",
  ]) {
    await t.test(`it subscribes to ${subject}`, async () => {
      const before = (await refusals(node, "spy")).BUS_SUBSCRIBE ?? 0;
      const heard = await node.speak("spy", `SUB ${subject} 1\r\n`);
      assert.match(heard, /Permissions Violation for Subscription to/);
      await node.plugin("spy", ({ limits }) => limits?.refused.BUS_SUBSCRIBE === before + 1);
    });
  }

  await t.test("the log tells the first of each by the plugin's name", () => {
    const told = node.lines.filter((line) => line.startsWith("warn: the bus refused spy: "));
    assert.equal(told.length, 2);
    assert.match(told[0]!, /Publish Violation - Subject "in\.other\.telemetry\.a\.forged"/);
  });
  await t.test("nothing was stored, and neither of the others is to blame", async () => {
    const { outbox, plugins } = await node.node.status();
    const others = outbox.chains.filter(({ plugin }) => plugin !== "victim");
    assert.deepEqual(others, []);
    for (const { name, limits } of plugins) if (name !== "spy") assert.equal(limits, undefined);
  });
});

test("what it may name reaches nobody else", async (t) => {
  const node = await startHostileNode(t, await scratch());
  await node.setPlugins(idle("spy") + idle("other"));
  await node.plugin("other", ({ process }) => process !== undefined);

  for (const reply of ["in.other.telemetry.a.forged", "umec.n1.other.telemetry", "$SYS.REQ.SERVER.PING"]) {
    await t.test(`an emit with the reply subject ${reply} is an answer to nobody`, async () => {
      const before = (await node.plugin("spy")).stored;
      await node.speak("spy", pub("telemetry.a.own", JSON.stringify([{ n: "a/own", v: 1 }]), reply));
      await node.plugin("spy", ({ stored }) => stored === before + 1);
      const { outbox } = await node.node.status();
      assert.equal(
        outbox.chains.find(({ plugin }) => plugin === "other"),
        undefined,
      );
    });
  }
  await t.test("an emit whose reply subject is the server's own is refused", async () => {
    assert.match(await node.speak("spy", pub("telemetry.a.own", sample, "_R_.x.y")), /Permissions Violation/);
    await node.plugin("spy", ({ limits }) => limits?.refused.BUS_PUBLISH === 1);
  });
  await t.test("an answer that nobody asked for, below _R_, changes no one's emits", async () => {
    // Names of answers are drawn at random; nobody may listen there (the test before), so they can't be learnt.
    await node.speak("spy", pub("_R_.aaaaaa.bbbbbb", "").repeat(50));
    const latencies = await node.latencies(300);
    assert.ok(latencies.length > 5 && latencies.every(Number.isFinite));
  });
  await t.test("credentials of one plugin are of no use as another's, nor without the JWT", async () => {
    const { bus } = await node.node.status();
    for (const hello of [{}, { user: "other", pass: "x" }, { jwt: "eyJ0eXAiOiJKV1QifQ.e30.AAAA" }])
      assert.match(await speak(bus.url, hello, ""), /Authorization Violation/);
    assert.ok(node.lines.some((line) => /somebody on this machine was refused by the bus/.test(line)));
  });
  await t.test("its name for itself can't put the blame on another", async () => {
    const before = (await refusals(node, "spy")).BUS_PUBLISH ?? 0;
    const account = `A${"A".repeat(55)}`;
    const name = `x" - "${account}/other/jwt:U" - Publish Violation - Subject "y\n[1] [ERR] 1 - cid:1 - "`;
    await node.speak("spy", pub("in.other.x", "1"), { name });
    await node.plugin("spy", ({ limits }) => limits?.refused.BUS_PUBLISH === before + 1);
    assert.equal((await node.plugin("other")).limits, undefined);
  });
  for (const [what, body, code] of [
    ["malformed", "{", "SENML_INVALID"],
    ["empty", "", "SENML_INVALID"],
    ["in another plugin's name", JSON.stringify([{ bn: "/../other/", n: "a", v: 1 }]), "SENML_INVALID"],
    ["with a value that is too large", JSON.stringify([{ n: "a", vs: "x".repeat(70_000) }]), "EMIT_INVALID"],
    ["larger than a pack may be", "x".repeat(530_000), "EMIT_INVALID"],
  ] as const) {
    await t.test(
      `a pack that is ${what} is refused with the reason, counted, and stores nothing`,
      async () => {
        const before = (await refusals(node, "spy"))[code] ?? 0;
        const { stored } = await node.plugin("spy");
        await node.speak("spy", pub("telemetry.a.b", body));
        const after = await node.plugin("spy", ({ limits }) => limits?.refused[code] === before + 1);
        assert.equal(after.stored, stored);
      },
    );
  }
  await t.test(
    "a message larger than its account allows costs it the connection, and is counted",
    async () => {
      assert.match(
        await node.speak("spy", pub("telemetry.a.b", "x".repeat(700_000))),
        /Maximum Payload Violation/,
      );
      await node.plugin("spy", ({ limits }) => limits?.refused.BUS_PAYLOAD === 1);
    },
  );
});

test("a plugin that fills the outbox within its limits loses its own samples, and that is told by its name", async (t) => {
  const node = await startHostileNode(t, await scratch(), "outbox: { quotaBytes: 4MiB }\n");
  await node.plugin("victim", ({ stored }) => stored >= 100);
  const exec = JSON.stringify([process.execPath, "--disable-warning=ExperimentalWarning", program, "hoard"]);
  await node.setPlugins(`  hoard: { exec: ${exec}, limits: { bytesPerS: 16MiB } }\n`);
  await node.plugin("hoard", ({ stored }) => stored >= 200);
  const { outbox } = await node.node.status();
  const firstRow = 1;
  const waiting = (name: string) => outbox.chains.find(({ plugin }) => plugin === name)!;
  assert.ok(outbox.evictedSamples > 0);
  assert.equal(
    waiting("victim").waitingRows,
    waiting("victim").nextRow - firstRow,
    "all of the victim's wait",
  );
  assert.ok(waiting("hoard").waitingRows < 200);
  const told = node.evictions.flatMap((of) => Object.keys(of));
  assert.deepEqual([...new Set(told)], ["hoard"]);
});
