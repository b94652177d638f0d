/** Traffic rules on real packets: what the API's engine asks for, applied by the image's own script in a real kernel. */
import assert from "node:assert/strict";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, suite, test } from "node:test";
import { createRuleEngine, type EndableRuleEngine } from "../../runtime/api/rules/engine.ts";
import type { ActiveTrafficRule } from "../../runtime/api/types.ts";
import { createScratch } from "../../runtime/test-scratch.ts";
import { type Agent, refusal, TestNetwork } from "./test-network.ts";
import { type Root, startRoot } from "./test-rules.ts";

const scratch = createScratch();
const skip = (await refusal()) ?? false;
const [client4, server4, tap4] = ["10.1.0.2", "10.2.0.2", "10.3.0.2"];

let lastPort = 5000;
/** A port that no test before used. */
const newPort = () => ++lastPort;

function rule(id: string, rest: Partial<ActiveTrafficRule>): ActiveTrafficRule {
  return { id, priority: 10, filterType: "PACKET", filters: [{}], action: "DROP", destinations: [], ...rest };
}

suite("traffic rules", { skip, timeout: 120_000 }, () => {
  let network: TestNetwork;
  let root: Root;
  let engine: EndableRuleEngine;
  let [client, server, tap, node] = [] as unknown as [Agent, Agent, Agent, Agent];

  before(async () => {
    network = await TestNetwork.start();
    root = await startRoot(network, await scratch());
    engine = createRuleEngine({ dir: root.dir, timeoutMs: 20_000 });
    [client, server, tap, node] = (await Promise.all(
      (["client", "server", "tap", "node"] as const).map((place) => network.agent(place)),
    )) as [Agent, Agent, Agent, Agent];
    await Promise.all([client, server, tap, node].map((agent) => agent.listen(4000)));
  });
  after(async () => {
    await root?.stop();
    await network?.[Symbol.asyncDispose]();
  });
  beforeEach(() => engine.setTraffic([]));

  const openPort = async (...agents: Agent[]) => {
    const port = newPort();
    await Promise.all(agents.map((agent) => agent.listen(port)));
    return port;
  };
  /** Resolves when all that was sent before has come, as what is sent later on the same way comes later. */
  const settle = async (from: Agent, to: Agent, address: string) => {
    const text = `settled ${newPort()}`;
    from.send(text, address, 4000);
    await to.received(`4000 ${text}`);
  };
  const at = (agent: Agent, port: number) => agent.got.filter((what) => what.startsWith(`${port} `));

  for (const [version, from, to] of [
    ["IPv4", client4, server4],
    ["IPv6", "fd01::2", "fd02::2"],
  ] as const) {
    test(`DROP: what fits does not arrive, all else does (${version})`, async () => {
      const port = await openPort(client, server);
      const filters = [{ srcAddress: [from], dstAddress: [to], dstPort: [`${port}`], protocol: ["udp"] }];
      await engine.setTraffic([rule("app/drop", { filters })]);
      client.send("lost", to, port);
      await settle(client, server, to);
      assert.deepEqual(at(server, port), []);
      await engine.setTraffic([]);
      client.send("found", to, port);
      await server.received(`${port} found`);
    });
  }

  test("the more important rule decides, whatever their order", async () => {
    const port = await openPort(client, server);
    const filters = [{ dstPort: [`${port}`] }];
    const pass = rule("app/pass", { filters, action: "PASSTHROUGH" });
    const drop = rule("app/drop", { filters: [{ dstPort: [`${port}-${port + 1}`] }] });
    await engine.setTraffic([
      { ...drop, priority: 2 },
      { ...pass, priority: 1 },
    ]);
    client.send("passes", server4, port);
    await server.received(`${port} passes`);
    await engine.setTraffic([
      { ...drop, priority: 1 },
      { ...pass, priority: 2 },
    ]);
    client.send("dropped", server4, port);
    await settle(client, server, server4);
    assert.deepEqual(at(server, port), [`${port} passes`]);
  });

  for (const [version, to, dstIpAddress] of [
    ["IPv4", server4, tap4],
    ["IPv6", "fd02::2", "fd03::2"],
  ] as const) {
    test(`FORWARD: another one gets the packet as it is, and only that one (${version})`, async () => {
      const port = await openPort(client, server, tap);
      const filters = [{ dstAddress: [`${to}`], dstPort: [`${port}`] }];
      const destinations = [{ interfaceName: "app1", dstIpAddress }];
      await engine.setTraffic([rule("app/fw", { filters, action: "FORWARD_DECAPSULATED", destinations })]);
      client.send("ping steered", to, port);
      await tap.received(`${port} ping steered`);
      // The answer goes back from the address that was asked.
      await client.received(`${port} pong steered`);
      await settle(client, server, to);
      assert.deepEqual(at(server, port), []);
    });

    test(`DUPLICATE: another one gets a copy (${version})`, async () => {
      const port = await openPort(client, server, tap);
      const filters = [{ dstAddress: [to], dstPort: [`${port}`] }];
      const destinations = [{ dstIpAddress }];
      await engine.setTraffic([rule("app/dup", { filters, action: "DUPLICATE_DECAPSULATED", destinations })]);
      client.send("seen", to, port);
      await Promise.all([tap.received(`${port} seen`), server.received(`${port} seen`)]);
      await settle(client, server, to);
      assert.deepEqual([at(server, port), at(tap, port)], [[`${port} seen`], [`${port} seen`]]);
    });
  }

  test("what the destination sends on does not come back to it", async () => {
    const port = await openPort(client, server, tap);
    const filters = [{ dstPort: [`${port}`] }];
    const destinations = [{ interfaceName: "app0", dstIpAddress: server4 }];
    await engine.setTraffic([rule("app/fw", { filters, action: "FORWARD_DECAPSULATED", destinations })]);
    server.send("on its way", client4, port);
    await client.received(`${port} on its way`);
  });

  test("FLOW takes the answers too, also of a flow that began before; PACKET does not", async () => {
    const port = await openPort(client, server);
    const filters = [{ srcAddress: [client4], dstAddress: ["10.2.0.0/24"], dstPort: [`${port}`] }];
    // From the first such rule on connections are tracked.
    await engine.setTraffic([rule("app/other", { filterType: "FLOW", filters: [{ dstPort: ["9"] }] })]);
    client.send("ping one", server4, port);
    await client.received(`${port} pong one`);
    await engine.setTraffic([rule("app/packet", { filters })]);
    server.send("answer", client4, port);
    await client.received(`${port} answer`);
    await engine.setTraffic([rule("app/flow", { filters, filterType: "FLOW" })]);
    server.send("lost", client4, port);
    client.send("lost", server4, port);
    await Promise.all([settle(server, client, client4), settle(client, server, server4)]);
    assert.deepEqual(at(client, port), [`${port} pong one`, `${port} answer`]);
    assert.deepEqual(at(server, port), [`${port} ping one`]);
  });

  test("FLOW sees through a translated address", async () => {
    const port = await openPort(client, server);
    const nat = `add table ip other
      add chain ip other in { type nat hook prerouting priority dstnat; }
      add rule ip other in ip daddr 10.1.0.1 udp dport ${port} dnat to ${server4}`;
    const path = join(await scratch(), "nat");
    await writeFile(path, nat);
    await network.run("node", ["nft", "-f", path]);
    client.send("ping published", "10.1.0.1", port);
    await client.received(`${port} pong published`);
    const filters = [{ dstAddress: [server4], dstPort: [`${port}`] }];
    await engine.setTraffic([rule("app/flow", { filters, filterType: "FLOW" })]);
    client.send("lost", "10.1.0.1", port);
    await settle(client, server, server4);
    assert.deepEqual(at(server, port), [`${port} ping published`]);
    await network.run("node", ["nft", "delete", "table", "ip", "other"]);
  });

  test("all rules are replaced at once: no packet slips through", async () => {
    const port = await openPort(client, server);
    const drop = (id: string) => rule(id, { filters: [{ dstPort: [`${port}`] }] });
    await engine.setTraffic([drop("app/0")]);
    let replaced = 0;
    const replacing = (async () => {
      for (; replaced < 20; replaced++) await engine.setTraffic([drop(`app/${replaced}`)]);
    })();
    let sent = 0;
    while (replaced < 20) {
      for (let burst = 0; burst < 50; burst++) client.send(`${sent++}`, server4, port);
      await settle(client, server, server4);
    }
    await replacing;
    assert.ok(sent > 500, `${sent}`);
    assert.deepEqual(at(server, port), []);
  });

  test("a rule that drops everything leaves the node itself alone", async () => {
    const port = await openPort(client, node, server);
    await engine.setTraffic([
      rule("app/all", { priority: 0 }),
      rule("app/flows", { priority: 0, filterType: "FLOW" }),
    ]);
    client.send("ping in", "10.1.0.1", port);
    await client.received(`${port} pong in`);
    node.send("ping out", server4, port);
    await node.received(`${port} pong out`);
    client.send("ping six", "fd01::1", port);
    await client.received(`${port} pong six`);
  });

  test("a rule that can't hold is refused by its name, and those of before hold", async () => {
    const port = await openPort(client, server);
    const drop = rule("app/drop", { filters: [{ dstPort: [`${port}`] }] });
    await engine.setTraffic([drop]);
    const destinations = [{ interfaceName: "app9", dstIpAddress: tap4 }];
    const other = rule("app/fw", { priority: 20, action: "FORWARD_DECAPSULATED", destinations });
    await assert.rejects(engine.setTraffic([rule("app/0", { priority: 0, action: "PASSTHROUGH" }), other]), {
      code: "RULES_REFUSED",
      message: "traffic rule app/fw is not taken: Interface does not exist",
    });
    client.send("lost", server4, port);
    await settle(client, server, server4);
    assert.deepEqual(at(server, port), []);
  });

  test("every form that a rule can have is one that root and the kernel take", async () => {
    const address = { ip: ["10.1.0.0/16", "10.1.2.3"], ip6: ["fd01::/16", "FD01::5"] };
    const full = (srcAddress: string[], dscp: object) => ({
      srcAddress,
      dstAddress: srcAddress,
      srcPort: ["1000-2000", "1500", "0"],
      dstPort: ["80", "443"],
      protocol: ["TCP", "17", "sctp"],
      ...dscp,
    });
    const [four, six] = [full(address.ip, { dscp: 46 }), full(address.ip6, { tc: 184 })];
    const send = [
      { interfaceName: "app0", dstIpAddress: server4 },
      { interfaceName: "app1", dstIpAddress: "fd03::2" },
    ];
    const rules = (
      ["DROP", "PASSTHROUGH", "FORWARD_DECAPSULATED", "DUPLICATE_DECAPSULATED"] as const
    ).flatMap((action) => {
      const destinations = action === "DROP" || action === "PASSTHROUGH" ? [] : send;
      const flows = [full(address.ip, {}), full(address.ip6, {}), {}, { protocol: ["icmp", "58"] }];
      return [
        rule(`app 1/${action}; flush`, {
          action,
          destinations,
          filters: [four, six, {}, { dstPort: ["1"] }],
        }),
        rule(`app/${action}`, { action, destinations, filters: flows, filterType: "FLOW" }),
      ];
    });
    await engine.setTraffic(rules);
    const listed = await network.run("node", ["nft", "list", "ruleset"]);
    assert.match(
      listed,
      /ip dscp ef meta l4proto \{ tcp, udp, sctp \} th sport \{ 0, 1000-2000 \} th dport \{ 80, 443 \}/,
    );
    assert.equal(listed.match(/comment/g)?.length, 4 * (6 + 6));
  });

  const forged = {
    "another table": 'add rule inet filter input counter drop comment ""',
    "another chain": 'add rule ip umec input counter drop comment ""',
    "another hook": "add chain ip umec input { type filter hook input priority 0; policy drop; }",
    "a second command": 'add rule ip umec apps counter drop comment ""; flush ruleset',
    "a file": 'include "/etc/shadow"',
    "a way out of a set": 'add rule ip umec apps ip saddr { 1.2.3.4 } } counter drop comment ""',
    "a variable": "define x = { 1.2.3.4 }",
    "an empty line": "",
    "a pattern of interfaces": 'add rule ip umec apps iifname != "app*" counter drop comment ""',
    "a jump": 'add rule ip umec apps counter jump other comment ""',
  };
  suite("forged", () => {
    let other: Root;
    before(async () => {
      other = await startRoot(network, await scratch(), { watches: false });
    });
    const answer = async () => JSON.parse(await readFile(join(other.dir, "traffic.json"), "utf8")) as object;

    for (const [what, line] of Object.entries(forged)) {
      test(`root does not take ${what}`, async () => {
        const good = 'add rule ip umec apps counter accept comment "a/b"';
        const ruleset = await network.run("node", ["nft", "list", "ruleset"]);
        await writeFile(join(other.dir, "asked/traffic"), `id ${"0".repeat(36)}\n${good}\n${line}\n`);
        await other.apply("traffic");
        const reason = `this line is not known: 2:${line}`.trim();
        assert.deepEqual(await answer(), { id: "0".repeat(36), state: "refused", reason });
        assert.equal(await network.run("node", ["nft", "list", "ruleset"]), ruleset);
      });
    }

    test("root follows no link, and reads no more than it says", async () => {
      await symlink("/etc/passwd", join(other.dir, "asked/traffic"));
      await other.apply("traffic");
      assert.deepEqual(await answer(), { id: "", state: "refused", reason: "the request is no file" });
      await writeFile(join(other.dir, "asked/traffic"), `id ${"1".repeat(36)}\n${"x".repeat(2_000_000)}`);
      await other.apply("traffic");
      const reason = "the request has more than 1100000 bytes";
      assert.deepEqual(await answer(), { id: "1".repeat(36), state: "refused", reason });
    });
  });
});
