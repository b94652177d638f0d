import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createUser } from "@nats-io/nkeys";
import { headers, type Msg, nkeyAuthenticator } from "@nats-io/transport-node";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { clusterAccountsSnippet } from "./cluster-accounts.ts";
import { provisionDocuments, putDocument } from "./documents.ts";
import { provisionOta } from "./ota-stream.ts";
import { provisionStream } from "./stream.ts";
import { jetstream, startTestServer } from "./test-hub.ts";

const fleet = createUser();
const n1 = createUser();
const n2 = createUser();
const snippet = clusterAccountsSnippet(
  [
    { node: "n1", nkey: n1.getPublicKey() },
    { node: "n2", nkey: n2.getPublicKey() },
  ],
  { fleetNkey: fleet.getPublicKey() },
);

const startHub = () =>
  startTestServer(
    ({ dir, leafPort }) => `${jetstream(dir)}
      leafnodes { listen: "127.0.0.1:${leafPort}" }
      ${snippet}`,
    { authenticator: nkeyAuthenticator(fleet.getSeed()) },
  );

const startNode = (name: string, seed: Uint8Array, leafPort: number) =>
  startTestServer(
    () => `server_name: ${name}
      leafnodes { remotes: [ {
        urls: ["nats-leaf://127.0.0.1:${leafPort}"], nkey: "${Buffer.from(seed)}", ignore_discovered_servers: true
      } ] }`,
    { inboxPrefix: `_INBOX_${name}` },
  );

test("nats-server takes the text, and refuses it as long as a key is missing", async () => {
  await using hub = await startHub();
  const { path } = await findNatsServer();
  const check = async (text: string) => {
    const file = join(hub.dir, "cluster.conf");
    await writeFile(file, text);
    return promisify(execFile)(path, ["-t", "-c", file]);
  };
  await check(snippet);
  await check(clusterAccountsSnippet([], { fleetNkey: fleet.getPublicKey() }));
  const without = clusterAccountsSnippet([{ node: "n1" }], { fleetNkey: fleet.getPublicKey() });
  await assert.rejects(check(without), /public nkey/);
});

test("through its leaf link a node stores by expected sequence, looks its last frame up and is commanded", async () => {
  await using hub = await startHub();
  await provisionStream(hub.nc, { log: silentLog });
  await using node = await startNode("n1", n1.getSeed(), hub.leafPort);
  const ask = (subject: string, expected?: number): Promise<Msg> => {
    const message = headers();
    if (expected !== undefined) message.set("Nats-Expected-Last-Subject-Sequence", String(expected));
    // A direct get has an empty body.
    return node.nc.request(subject, expected === undefined ? "" : "frame", {
      headers: message,
      timeout: 2000,
    });
  };

  const chain = "umec.n1.p1.telemetry";
  const ack = (await untilLinked(() => ask(chain, 0))).json<{ stream: string; seq: number }>();
  assert.deepEqual([ack.stream, ack.seq], ["TELEMETRY", 1]);
  const again = (await ask(chain, 0)).json<{ error: { err_code: number } }>();
  assert.equal(again.error.err_code, 10071, "a repeat is refused: wrong last sequence");
  assert.equal((await ask(chain, 1)).json<{ seq: number }>().seq, 2);

  const last = await ask(`hub.last.${chain}`);
  assert.equal(last.headers?.get("Nats-Sequence"), "2");
  assert.equal(last.string(), "frame");
  assert.equal((await ask("hub.last.umec.n1.p1.bulk")).headers?.code, 404);

  await assert.rejects(
    ask("umec.n2.p1.telemetry", 0),
    /no responders/,
    "another node's chain is out of reach",
  );
  await assert.rejects(ask("hub.last.umec.n2.p1.telemetry"), /no responders/);

  node.nc.subscribe("cmd.n1.>", { callback: (_error, message) => void message.respond("done") });
  await node.nc.flush();
  const reply = await untilLinked(() => hub.nc.request("cmd.n1.p1.valve", "open", { timeout: 2000 }));
  assert.equal(reply.string(), "done");
});

test("a node reads its own documents and hears of their changes", async () => {
  await using hub = await startHub();
  await provisionDocuments(hub.nc);
  await using node = await startNode("n1", n1.getSeed(), hub.leafPort);
  const heard = Promise.withResolvers<string>();
  node.nc.subscribe("cmd.n1._document.*", { callback: (_, { subject }) => heard.resolve(subject) });
  const ask = (subject: string) => node.nc.request(subject, "", { timeout: 2000 });
  assert.equal((await untilLinked(() => ask("hub.doc.n1.target"))).headers?.code, 404);
  await putDocument(hub.nc, "n2", "target", Buffer.from("of n2"));
  await putDocument(hub.nc, "n1", "target", Buffer.from("of n1"));
  assert.equal(await heard.promise, "cmd.n1._document.target");
  assert.equal((await ask("hub.doc.n1.target")).string(), "of n1");
  await assert.rejects(ask("hub.doc.n2.target"), /no responders/);
});

test("every node reads what the hub has of updates, and writes nothing there", async () => {
  await using hub = await startHub();
  await provisionOta(hub.nc);
  const name = "0".repeat(32);
  await hub.nc.request(`ota.chunk.${name}`, "honest");
  await using node = await startNode("n1", n1.getSeed(), hub.leafPort);
  const ask = (subject: string) => node.nc.request(subject, "", { timeout: 2000 });
  assert.equal((await untilLinked(() => ask(`hub.ota.chunk.${name}`))).string(), "honest");
  assert.equal((await ask("hub.ota.index.none")).headers?.code, 404);
  await assert.rejects(node.nc.request(`ota.chunk.${name}`, "forged", { timeout: 2000 }), /no responders/);
  assert.equal((await ask(`hub.ota.chunk.${name}`)).string(), "honest");
});

test("names and keys that can't be are refused, and a seed is not shown", () => {
  const seed = Buffer.from(n1.getSeed()).toString();
  for (const nodes of [[{ node: "N1" }], [{ node: "n1" }, { node: "n1" }], [{ node: "n1", nkey: seed }]]) {
    assert.throws(
      () => clusterAccountsSnippet(nodes),
      (error: unknown) => isUmecError(error, "HUB_NODE_INVALID") && !error.message.includes(seed),
    );
  }
});

/** Until the link is up and the other side's interest is known, a request has no responders. */
async function untilLinked<T>(request: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (performance.now() > deadline || !/no responders/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
