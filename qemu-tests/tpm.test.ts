/**
 * A board with a security chip: what of the node's keys lies on its card, and what they are worth without the chip. The chip
 * is swtpm's TPM 2.0 behind the kernel's own driver.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { seal } from "../runtime/identity/seal.ts";
import type { NodeStatus } from "../runtime/status.ts";
import { Board, Hub } from "./kit/index.ts";
import { fastest, onEachBoard } from "./machines.ts";

const seedFile = "/data/umec/data/keys/node.seed";
const password = "käse-7f3a91";

/** A device outside that gives its count to whoever knows the password. */
async function gauge() {
  let count = 0;
  const known = `Basic ${Buffer.from(`u:${password}`).toString("base64")}`;
  const server = createServer((request, response) => {
    if (request.headers.authorization !== known) {
      response.writeHead(401).end();
      return;
    }
    response.setHeader("content-type", "application/json").end(JSON.stringify({ count: ++count }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    at: { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    count: () => count,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

onEachBoard(
  "the node's seed and its secrets open on a board with its own security chip, and on no other",
  async (machine) => {
    await using outside = await gauge();
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    await using board = await Board.boot({
      machine,
      hub,
      node: "lamp-0042",
      target: { plugins: { board: { driver: "system", options: { intervalMs: 2000 } } } },
      tpm: true,
      debugShell: true,
    });
    const sh = async (command: string) => (await board.sh(command, { timeoutMs: 120_000 })).output.trim();
    const status = async (): Promise<NodeStatus> =>
      JSON.parse(await sh("umec status /data/umec/node.yaml --json"));
    const stored = (plugin: string) => ({ node: "lamp-0042", plugin, timeoutMs: 300_000 });
    await hub.sample({ ...stored("board"), name: "uptime" });

    // On the card.
    const { identity } = await status();
    assert.equal(identity.bound, true);
    assert.ok(identity.keys);
    const file = JSON.parse(await sh(`cat ${seedFile}`));
    assert.deepEqual(Object.keys(file), ["version", "link", "sealed"]);
    assert.equal(file.link, identity.keys.link);
    assert.equal(await sh("stat -c '%U %a' /data/keys /data/keys/kek.cred"), "root 700\nroot 600");
    // In memory: root's, and the node's own; and in no picture of it.
    assert.equal(await sh("stat -c '%U %a %s' /run/credstore/umec-kek"), "root 600 32");
    const denied = await board.sh("setpriv --reuid umec --clear-groups cat /run/credstore/umec-kek");
    assert.notEqual(denied.status, 0);
    const pid = await sh("systemctl show --value --property MainPID umec");
    assert.match(await sh(`grep core /proc/${pid}/limits`), /core file size +0 +0 /);
    assert.equal(await sh("cat /proc/sys/kernel/core_pattern /proc/sys/fs/suid_dumpable"), "|/bin/false\n0");

    // A secret that is sealed to the node, for a device outside.
    const { host, port } = await board.network.open(() => outside.at);
    const text = await seal(identity.keys.seal, Buffer.from(password), "gauge");
    const auth = { kind: "basic", username: "u", password: { secret: "gauge" } };
    const request = {
      url: `http://${host}:${port}/`,
      intervalMs: 1000,
      auth,
      points: { count: { pointer: "/count" } },
    };
    const gaugePlugin = JSON.stringify({ driver: "http", options: { requests: { gauge: request } } });
    const node = "/data/umec/node.yaml";
    await sh(
      `sed 's#^plugins:#plugins:\\n  gauge: ${gaugePlugin}#' ${node} >${node}.new && echo 'secrets: { gauge: ${text} }' >>${node}.new && ` +
        `chown umec:umec ${node}.new && chmod 600 ${node}.new && sync ${node}.new && mv ${node}.new ${node} && sync /data/umec`,
    );
    const counted = (beyond: number) =>
      hub.sample({ ...stored("gauge"), name: "gauge/count", where: ({ value }) => Number(value) > beyond });
    await counted(0);

    // The plug; and a restart, in which the chip keeps its power.
    await board.powerCut();
    let before = outside.count();
    await board.powerOn();
    await counted(before);
    assert.deepEqual((await status()).identity, identity);
    if (process.env.UMEC_ALL === "1") {
      const rebooted = once(board, "reboot");
      board.console.write("\nreboot\n");
      await rebooted;
      before = outside.count();
      await counted(before);
      assert.deepEqual((await status()).identity, identity);
    }

    // The card in another board.
    await sh("sync");
    await board.powerCut();
    await board.tpm.replace();
    before = outside.count();
    await board.powerOn();
    await board.console.expect("the booted slot is good", { timeoutMs: 300_000 });
    const samples = async () => (await status()).plugins.find(({ name }) => name === "board")?.stored ?? 0;
    const first = await samples();
    while ((await samples()) <= first) await sh("sleep 1");
    const stranger = await status();
    assert.equal(stranger.identity.fault?.code, "IDENTITY_SEALED");
    assert.equal(stranger.identity.keys, undefined);
    assert.equal(stranger.link.state, "off");
    assert.match(stranger.link.reason ?? "", /is sealed, and its key is not there/);
    assert.ok(stranger.outbox.waitingSamples > 0);
    assert.equal(outside.count(), before);
    assert.deepEqual(JSON.parse(await sh(`cat ${seedFile}`)), file);
    assert.match(
      await sh("journalctl -b -u umec-kek --no-pager -o cat"),
      /does not open \/data\/keys\/kek\.cred/,
    );
  },
  fastest,
);
