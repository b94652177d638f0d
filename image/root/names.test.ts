/** DNS rules on real queries: what the API's engine asks for, applied by the image's own script to a real dnsmasq. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { createRuleEngine, type EndableRuleEngine } from "../../runtime/api/rules/engine.ts";
import type { DnsRecord } from "../../runtime/api/types.ts";
import { createScratch } from "../../runtime/test-scratch.ts";
import { type Agent, refusal, TestNetwork } from "./test-network.ts";
import { type Root, startRoot } from "./test-rules.ts";

const scratch = createScratch();
const skip = (await refusal()) ?? false;

const record = (name: string, address: string, ttlS = 30): DnsRecord => ({ name, address, ttlS });

suite("DNS rules", { skip, timeout: 120_000 }, () => {
  let network: TestNetwork;
  let root: Root;
  let engine: EndableRuleEngine;
  let app: Agent;
  let path: string;

  before(async () => {
    network = await TestNetwork.start();
    path = await scratch();
    root = await startRoot(network, path);
    engine = createRuleEngine({ dir: root.dir, listen: ["127.0.0.1"], timeoutMs: 20_000 });
    app = await network.agent("node");
    // The world: every name has these.
    const world = [
      "--no-resolv",
      "--no-hosts",
      "--listen-address=127.0.0.9",
      "--bind-interfaces",
      "--user=root",
    ];
    const all = [
      "--address=/#/192.0.2.9",
      "--address=/#/2001:db8::9",
      "--local-ttl=5",
      `--pid-file=${path}/world`,
    ];
    await network.run("node", ["dnsmasq", ...world, ...all]);
    await writeFile(join(path, "run/umec/resolv.conf"), "nameserver 127.0.0.9\n");
  });
  after(async () => {
    await engine?.off();
    await root?.stop();
    const pid = await readFile(join(path, "world"), "utf8");
    process.kill(Number(pid));
    await network?.[Symbol.asyncDispose]();
  });

  const ask = async (name: string, type: "A" | "AAAA" = "A") => {
    const { records, error } = await app.resolve(name, type);
    return error ?? (records ?? []).map(({ address, ttl }) => `${address} ${ttl}`).sort();
  };

  test("without rules nothing is started", async () => {
    await engine.setDns([]);
    assert.deepEqual(await root.calls(), []);
    assert.equal(await ask("a.example"), "ECONNREFUSED");
  });

  test("a name has the addresses and the TTL of its rules, and nothing else of the world's", async () => {
    await engine.setDns([
      record("a.example", "10.0.0.1"),
      record("a.example", "10.0.0.2"),
      record("b.example", "fd00::b"),
      record("own.example", "10.0.0.3", 77),
      record("own.example", "fd00::3", 78),
    ]);
    assert.deepEqual(await root.calls(), ["restart umec-dns.service"]);
    assert.deepEqual(await ask("a.example"), ["10.0.0.1 30", "10.0.0.2 30"]);
    assert.equal(await ask("a.example", "AAAA"), "ENODATA");
    assert.deepEqual(await ask("B.Example", "AAAA"), ["fd00::b 30"]);
    assert.equal(await ask("b.example"), "ENODATA");
    assert.deepEqual(await ask("own.example"), ["10.0.0.3 77"]);
    assert.deepEqual(await ask("own.example", "AAAA"), ["fd00::3 78"]);
  });

  test("other names, and those below, are the world's", async () => {
    assert.deepEqual(await ask("world.example"), ["192.0.2.9 5"]);
    assert.deepEqual(await ask("below.a.example"), ["192.0.2.9 5"]);
    assert.deepEqual(await ask("own.a.example", "AAAA"), ["2001:db8::9 5"]);
  });

  test("what changes or goes is answered so at once, without a new start", async () => {
    await root.calls();
    await engine.setDns([
      record("a.example", "10.0.0.7"),
      record("own.example", "10.0.0.3", 77),
      record("own.example", "fd00::3", 78),
      record("c.example", "10.0.0.9"),
    ]);
    assert.deepEqual(await root.calls(), ["reload umec-dns.service"]);
    assert.deepEqual(await ask("a.example"), ["10.0.0.7 30"]);
    assert.deepEqual(await ask("b.example", "AAAA"), ["2001:db8::9 5"]);
    assert.deepEqual(await ask("c.example"), ["10.0.0.9 30"]);
  });

  test("another TTL needs a new start", async () => {
    await engine.setDns([record("a.example", "10.0.0.7", 1)]);
    assert.deepEqual(await root.calls(), ["restart umec-dns.service"]);
    assert.deepEqual(await ask("a.example"), ["10.0.0.7 1"]);
    assert.deepEqual(await ask("own.example"), ["192.0.2.9 5"]);
  });

  test("no query is lost while rules change", async () => {
    await engine.setDns([record("a.example", "10.0.0.1"), record("x.example", "10.0.0.1")]);
    let changed = 0;
    const changing = (async () => {
      for (; changed < 20; changed++)
        await engine.setDns([record("a.example", "10.0.0.1"), record("x.example", `10.0.1.${changed}`)]);
    })();
    let asked = 0;
    while (changed < 20) {
      assert.deepEqual(await ask("a.example"), ["10.0.0.1 30"]);
      asked++;
    }
    await changing;
    assert.ok(asked > 20, `${asked}`);
    assert.deepEqual(await ask("x.example"), ["10.0.1.19 30"]);
  });

  const forged = {
    "another setting": "conf dhcp-script=/bin/sh",
    "a file": "conf addn-hosts=/etc/shadow",
    "another server": "servers server=10.9.9.9",
    "another server for a name": "servers server=/bank.example/10.9.9.9",
    "words behind a name": "hosts 10.0.0.1 a.example localhost",
    "an empty line": "",
  };
  for (const [what, line] of Object.entries(forged)) {
    test(`root does not take ${what}`, async () => {
      const other = await startRoot(network, await scratch(), { watches: false });
      const good = "hosts 10.6.6.6 a.example";
      await writeFile(join(other.dir, "asked/names"), `id ${"0".repeat(36)}\n${good}\n${line}\n`);
      await other.apply("names");
      const reason = `this line is not known: 2:${line}`.trim();
      const answer = JSON.parse(await readFile(join(other.dir, "names.json"), "utf8")) as object;
      assert.deepEqual(answer, { id: "0".repeat(36), state: "refused", reason });
      assert.deepEqual(await other.calls(), []);
    });
  }
});
