/** A real hub and a real node: target states from the hub, while the node runs. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { NatsConnection } from "@nats-io/nats-core";
import { signDocument } from "./document-wire.ts";
import { provisionDocuments, putDocument, readDocument } from "./hub/documents.ts";
import { readTarget, type SetTarget, setTargets, type TargetOutcome } from "./hub/documents-target.ts";
import { createReader } from "./hub/reader.ts";
import type { HubServer } from "./hub/server.ts";
import { createKey } from "./nats/keys.ts";
import { runNode, startHub, tokenFor, writeNode } from "./test-enrolling.ts";
import { createScratch } from "./test-scratch.ts";

const scratch = createScratch();

interface Rig {
  dir: string;
  hub: HubServer;
  fleet: NatsConnection;
  path: string;
  set(text: string, more?: Partial<SetTarget>): Promise<TargetOutcome>;
  file(): Promise<string>;
  startNode(): ReturnType<typeof runNode>;
}

async function rig(t: TestContext): Promise<Rig> {
  const dir = await scratch();
  const hub = await startHub(t, dir);
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionDocuments(fleet);
  const path = await writeNode(join(dir, "node"), hub.leafUrl, await tokenFor(hub));
  return {
    ...{ dir, hub, fleet, path },
    async set(text, more = {}) {
      const asked: SetTarget = { nodes: ["n1"], how: "set", text, waitMs: 20_000, ...more };
      return (await setTargets(fleet, hub.desk, ["n1"], asked))[0]!;
    },
    file: () => readFile(path, "utf8"),
    startNode: () => runNode(t, path),
  };
}

const levelOf = (text: string) => /level: (\w+)/.exec(text)?.[1];

test("a linked node takes a change over within a second, keeps what is its own, and says so", async (t) => {
  const { hub, fleet, set, file, path, startNode } = await rig(t);
  const { node, until } = await startNode();
  await until(({ link, enrolment }) => enrolment?.state === "enrolled" && link.sentSamples > 5);
  const before = await file();

  const began = performance.now();
  const text =
    "log: { level: warn }\nnode: other\ndata: /elsewhere\nlink: { hub: tls://elsewhere, reconnectMs: 900 }\n";
  const done = await set(text);
  const tookMs = performance.now() - began;
  assert.deepEqual(done, { node: "n1", revision: 1, state: "taken" });
  t.diagnostic(`taken over after ${Math.round(tookMs)} ms`);
  assert.ok(tookMs < 1000, `${tookMs} ms`);
  const after = await file();
  assert.equal(levelOf(after), "warn");
  assert.match(after, /^# kept\nnode: n1\n/);
  assert.match(after, new RegExp(`hub: "?${hub.leafUrl}`));
  assert.match(after, /reconnectMs: 900/);
  assert.doesNotMatch(after, /elsewhere/);
  assert.equal(await readFile(`${path}.previous`, "utf8"), before);
  await until(({ link, target }) => target.state === "reached" && link.state === "up");

  // In the audit trail, and at the hub.
  const { document, report } = await readTarget(fleet, "n1");
  assert.deepEqual([document?.text, report?.state, report?.revision], [text, "taken", 1]);
  await until(({ outbox }) => outbox.waitingRows === 0);
  const entries = [];
  for await (const { name, value } of createReader(fleet).samples({
    node: "n1",
    plugin: "audit",
    lane: "alarm",
  }))
    if (name.endsWith("target")) entries.push(JSON.parse(String(value)));
  assert.deepEqual(
    entries.map(({ person, what, result }) => [person, what, result]),
    [
      ["the hub", "set, revision 1", "asked"],
      ["the hub", "set, revision 1", "done"],
    ],
  );

  // What somebody changes at the node stays, also over a start, until the hub says something new.
  await writeFile(path, after.replace("warn", "error"));
  await until(({ target }) => target.state === "reached");
  await node.stop();
  const again = await startNode();
  await again.until(({ link }) => link.sentSamples > 5);
  assert.equal(levelOf(await file()), "error");
  assert.equal((await set("log: null\n")).state, "taken");
  assert.equal(levelOf(await file()), undefined, "null takes a key out");
  assert.equal((await set("", { how: "remove" })).state, "removed");
  await again.until(({ link }) => link.state === "up");
  assert.match(await file(), /reconnectMs: 900/);
});

test("what changed while the node was away it takes over at its link-up, only the newest", async (t) => {
  const { fleet, set, file, startNode } = await rig(t);
  const first = await startNode();
  await first.until(({ enrolment }) => enrolment?.state === "enrolled");
  await first.node.stop();
  assert.equal((await set("log: { level: warn }\n", { waitMs: 0 })).state, "waiting");
  assert.equal((await set("log: { level: error }\n", { waitMs: 0 })).revision, 2);
  const second = await startNode();
  await second.until(({ link }) => link.state === "up");
  for (const deadline = performance.now() + 10_000; ; ) {
    const { report } = await readTarget(fleet, "n1");
    if (report?.revision === 2) break;
    assert.ok(performance.now() < deadline, JSON.stringify(report));
    await new Promise((done) => setTimeout(done, 20));
  }
  assert.equal(levelOf(await file()), "error");
});

test("one with errors changes nothing, is told with its errors, and the node goes on; users are merged at the hub", async (t) => {
  const { fleet, set, file, startNode } = await rig(t);
  const { until } = await startNode();
  const { link } = await until((status) => status.link.sentSamples > 5);
  const before = await file();
  const refused = await set("plugins: { p2: { driver: nothing } }\nlog: { level: loud }\n");
  assert.equal(refused.state, "refused");
  assert.match(refused.reason!, /log\/level: loud/);
  assert.match(refused.reason!, /nothing/);
  assert.equal(await file(), before);
  await until(
    (status) => status.link.sentSamples > link.sentSamples + 20 && status.target.state === "reached",
  );

  assert.equal((await set("log: { level: warn }\n")).state, "taken");
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
  const users = `users: { anna: { level: viewer, ssh: ["${key} anna@desk"] } }\n`;
  assert.equal((await set(users, { how: "merge" })).state, "taken");
  const { document } = await readTarget(fleet, "n1");
  assert.match(document!.text, /level: warn/);
  assert.match(await file(), /anna/);
  // The node came to be what it took over.
  for (const deadline = performance.now() + 10_000; ; ) {
    const { report } = await readTarget(fleet, "n1");
    if (report?.state === "taken" && report.reached === true) break;
    assert.ok(performance.now() < deadline, JSON.stringify(report));
    await new Promise((done) => setTimeout(done, 20));
  }
});

test("what the hub's key has not signed, was for another, or is shown again, is refused", async (t) => {
  const { hub, fleet, set, file, startNode } = await rig(t);
  const { until } = await startNode();
  await until(({ link }) => link.sentSamples > 5);
  const signer = hub.desk.keys.node("n1").signer;
  assert.equal((await set("log: { level: warn }\n")).state, "taken");
  const old = await readDocument(fleet, "n1", "target");
  assert.equal((await set("log: { level: error }\n")).state, "taken");

  // By somebody who may write in the fleet's account.
  const put = async (body: Uint8Array): Promise<string> => {
    const revision = await putDocument(fleet, "n1", "target", body);
    for (const deadline = performance.now() + 5_000; ; ) {
      const { report } = await readTarget(fleet, "n1");
      if (report?.revision === revision) return `${report.state}: ${report.reason}`;
      assert.ok(performance.now() < deadline, JSON.stringify(report));
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  const issuedAtMs = Date.now() + 60_000;
  const text = "users: {}\n";
  const forged = signDocument("target", { node: "n1", issuedAtMs, text }, createKey("account"));
  assert.match(await put(forged), /^refused: it is signed by A/);
  const other = signDocument("target", { node: "n2", issuedAtMs, text }, signer);
  assert.match(await put(other), /^refused: it is for n2/);
  const right = Buffer.from(signDocument("target", { node: "n1", issuedAtMs, text }, signer));
  const altered = Buffer.from(right.toString().replace("users: {}", "users: []"));
  assert.match(await put(altered), /^refused: its signature is wrong/);
  assert.match(await put(Buffer.from("log: { level: warn }\n")), /^refused: it is no document/);
  assert.match(await put(old!.body), /^refused: it is older than what was taken over before/);
  assert.equal(levelOf(await file()), "error");
  assert.equal((await set("log: { level: warn }\n")).state, "taken", "the hub's own is taken all the same");
});
