import assert from "node:assert/strict";
import { before, type TestContext, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { type EnrolAnswer, enrolSubject, openAnswer, type Refusal, type Token } from "../enrol-wire.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { newIdentity } from "../test-identity.ts";
import { createScratch } from "../test-scratch.ts";
import { replaceNode, revokeNode } from "./node-admin.ts";
import { createNodeRecords } from "./node-records.ts";
import { type HubServer, type HubServerOptions, startHubServer } from "./server.ts";
import { provisionStream } from "./stream.ts";
import {
  accepted,
  credentialsOf,
  enrolOver,
  questionOf,
  renewOver,
  request,
  startBoard,
  type TestBoard,
} from "./test-enrol.ts";
import { linkRaw } from "./test-raw-leaf.ts";
import { issueTokens } from "./tokens.ts";

let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

const scratch = createScratch();

async function startHub(t: TestContext, options: Partial<HubServerOptions> = {}): Promise<HubServer> {
  const dir = options.dir ?? (await scratch());
  const base = { dir, natsServerPath, nodes: [], enrolment: {}, log: silentLog };
  const hub = await startHubServer({ ...base, ...options });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  await provisionStream(fleet, { log: silentLog });
  await fleet.close();
  return hub;
}

async function board(t: TestContext, hub: HubServer, node: string, credentials: string): Promise<TestBoard> {
  const one = await startBoard(node, hub.leafUrl);
  t.after(() => one[Symbol.asyncDispose]());
  await one.link(credentials);
  return one;
}

async function tokenFor(hub: HubServer, node: string, expiresInMs = 60_000): Promise<Token> {
  return (await issueTokens(hub.desk, [{ node, expiresInMs }]))[0]!;
}

function codeOf(answer: EnrolAnswer | Refusal): string | undefined {
  return "refused" in answer ? answer.refused.code : undefined;
}

async function storedSubjects(hub: HubServer): Promise<Record<string, number>> {
  const fleet = await hub.connectFleet();
  try {
    const manager = await jetstreamManager(fleet);
    const { state } = await manager.streams.info("TELEMETRY", { subjects_filter: ">" });
    return state.subjects ?? {};
  } finally {
    await fleet.close();
  }
}

async function recordOf(hub: HubServer, node: string) {
  const fleet = await hub.connectFleet();
  try {
    return (await createNodeRecords(fleet).get(node))?.record;
  } finally {
    await fleet.close();
  }
}

/** Enrols a board and links it with its own keys. */
async function enrolled(t: TestContext, hub: HubServer, node: string) {
  const identity = newIdentity();
  const token = await tokenFor(hub, node);
  const one = await board(t, hub, node, token.creds);
  const answer = accepted(await enrolOver(one, token, identity));
  await one.link(credentialsOf(answer, identity));
  return { board: one, identity, token, answer };
}

test("a board with a token enrols over its link, stores with its own keys, and the hub shows its record", async (t) => {
  const hub = await startHub(t);
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  const [token] = await issueTokens(hub.desk, [
    { node: "n1", hub: { urls: ["tls://hub:7422"] }, target: { outbox: { quotaBytes: "64MiB" } } },
  ]);
  const identity = newIdentity();
  const one = await board(t, hub, "n1", token!.creds);
  const answer = accepted(await enrolOver(one, token!, identity));
  assert.equal(answer.node, "n1");
  assert.deepEqual(answer.hub, { urls: ["tls://hub:7422"] });
  assert.deepEqual(answer.target, { outbox: { quotaBytes: "64MiB" } });
  const day = 86_400_000;
  assert.ok(Math.abs(answer.expiresAtMs - Date.now() - 90 * day) < 60_000);
  assert.ok(Math.abs(answer.renewAtMs - Date.now() - 60 * day) < 60_000);

  await one.link(credentialsOf(answer, identity));
  const ack = JSON.parse(await request(one.nc, "umec.n1.p1.telemetry", "own"));
  assert.equal(ack.stream, "TELEMETRY");
  const record = await recordOf(hub, "n1");
  assert.deepEqual([record?.state, record?.keys, record?.former], ["enrolled", identity.keys, []]);
  // A bucket for its objects, and commands reach it.
  assert.equal((await (await jetstreamManager(fleet)).streams.info("OBJ_node-n1")).state.messages, 0);
  one.nc.subscribe("cmd.n1.>", { callback: (_, message) => void message.respond("done") });
  await one.nc.flush();
  assert.equal(await request(fleet, "cmd.n1.p1.relay", ""), "done");
});

test("asked again with the same keys the answer is the same, with others the token is spent", async (t) => {
  const hub = await startHub(t);
  const token = await tokenFor(hub, "n1");
  const identity = newIdentity();
  const one = await board(t, hub, "n1", token.creds);
  const first = accepted(await enrolOver(one, token, identity));
  const again = accepted(await enrolOver(one, token, identity));
  assert.deepEqual([again.expiresAtMs, again.renewAtMs], [first.expiresAtMs, first.renewAtMs]);

  const other = await startBoard("thief", hub.leafUrl, "n1");
  t.after(() => other[Symbol.asyncDispose]());
  await other.link(token.creds);
  assert.equal(codeOf(await enrolOver(other, token, newIdentity())), "TOKEN_SPENT");
  assert.deepEqual(hub.refusals, { TOKEN_SPENT: 1 });
  assert.deepEqual((await recordOf(hub, "n1"))?.keys, identity.keys);
});

test("a second token for the same name finds it taken, and one that expired is too late", async (t) => {
  const hub = await startHub(t);
  const [first, second] = [await tokenFor(hub, "n1"), await tokenFor(hub, "n1")];
  const late = await tokenFor(hub, "n2", 1000);
  const one = await board(t, hub, "n1", first.creds);
  accepted(await enrolOver(one, first, newIdentity()));
  await one.link(second.creds);
  assert.equal(codeOf(await enrolOver(one, second, newIdentity())), "NODE_TAKEN");
  const two = await board(t, hub, "n2", late.creds);
  while (Date.now() <= late.expiresAtMs) await new Promise((done) => setTimeout(done, 50));
  // Its credentials still ask: the node is told why.
  assert.equal(codeOf(await enrolOver(two, late, newIdentity())), "TOKEN_EXPIRED");
  assert.deepEqual(hub.refusals, { NODE_TAKEN: 1, TOKEN_EXPIRED: 1 });
});

test("a wrong proof, a wrong signature, another's name and copied keys are refused", async (t) => {
  const hub = await startHub(t);
  const [token, other] = [await tokenFor(hub, "n1"), await tokenFor(hub, "n2")];
  const one = await board(t, hub, "n1", token.creds);
  const ask = async (envelope: object, nonce: string) =>
    codeOf(openAnswer(await request(one.nc, enrolSubject(token.id), JSON.stringify(envelope)), nonce, token));

  const identity = newIdentity();
  const unproven = questionOf({ ...token, secret: other.secret }, identity);
  assert.equal(await ask(unproven.envelope, unproven.question.nonce), "TOKEN_PROOF");

  const stolen = questionOf(token, identity);
  const forged = { ...stolen.envelope, link: unproven.envelope.link };
  assert.equal(await ask(forged, stolen.question.nonce), "QUESTION_INVALID");

  const renamed = questionOf(token, identity, { node: "n2" });
  assert.equal(await ask(renamed.envelope, renamed.question.nonce), "QUESTION_INVALID");

  const foreign = questionOf({ ...other, secret: token.secret }, identity);
  assert.equal(await ask(foreign.envelope, foreign.question.nonce), "QUESTION_INVALID");

  accepted(await enrolOver(one, token, identity));
  const two = await board(t, hub, "n2", other.creds);
  const copied = await enrolOver(two, other, identity);
  assert.equal(codeOf(copied), "QUESTION_INVALID");
  assert.match("refused" in copied ? copied.refused.text : "", /those of n1/);
});

test("a token's credentials reach nothing but its own question", async (t) => {
  const hub = await startHub(t, { nodes: ["n9"] });
  const [token, other] = [await tokenFor(hub, "n1"), await tokenFor(hub, "n2")];
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  const heard: string[] = [];
  for (const subject of ["cmd.>", "umec.>", "hub.>", "renew.>"])
    fleet.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) });
  await fleet.flush();
  const one = await board(t, hub, "n1", token.creds);
  one.nc.subscribe(">", {
    callback: (_, { subject }) => {
      if (/^(cmd|umec|enrol|renew)\./.test(subject)) heard.push(`board: ${subject}`);
    },
  });
  const identity = newIdentity();
  const { envelope } = questionOf(other, identity);
  const text = JSON.stringify(envelope);
  // Answered, though refused: the link is up, and what comes after goes the same way.
  await request(one.nc, enrolSubject(token.id), text);
  heard.length = 0;
  const forbidden = [
    "umec.n1.p1.telemetry",
    "umec.n9.p1.telemetry",
    "cmd.n9.p1.x",
    "hub.last.umec.n9.p1.telemetry",
    "hub.renew.n9",
    "renew.n9",
    "$JS.API.STREAM.NAMES",
    "$JS.hub.API.STREAM.NAMES",
    "$SYS.REQ.SERVER.PING",
    enrolSubject(other.id),
  ];
  for (const subject of forbidden) {
    const answer = await one.nc.request(subject, text, { timeout: 200 }).catch(() => undefined);
    assert.equal(answer, undefined, subject);
  }
  // What is said on the hub is not heard by it.
  fleet.publish("cmd.n9.p1.x");
  fleet.publish("umec.n9.p2.telemetry");
  await fleet.flush();
  // A forged reply: the hub answers nobody but the token's node.
  const own = questionOf(token, identity);
  for (const reply of [enrolSubject(other.id), "renew.n9", "umec.n9.p1.telemetry", "_INBOX_n2.x"]) {
    one.nc.publish(enrolSubject(token.id), JSON.stringify(own.envelope), { reply });
  }
  await one.nc.flush();
  const before = accepted(await enrolOver(one, token, identity));
  assert.equal(before.node, "n1");
  assert.ok(hub.refusals.REPLY_FORGED! >= 1, JSON.stringify(hub.refusals));
  assert.deepEqual(
    heard.filter(
      (subject) => subject.startsWith("board:") && !subject.startsWith(`board: enrol.${token.id}`),
    ),
    forbiddenOnItsOwnServer(forbidden),
  );
  assert.deepEqual(await storedSubjects(hub), { "umec.n9.p2.telemetry": 1 });
  assert.equal(hub.desk.registry.nodes.has("n2"), false);
});

/** The board's own server delivers to the board's own subscriptions what it says itself. */
function forbiddenOnItsOwnServer(forbidden: readonly string[]): string[] {
  return forbidden.filter((one) => /^(cmd|umec|enrol|renew)\./.test(one)).map((one) => `board: ${one}`);
}

test("a revoked node's live link is cut within 2 s, it can't come back, and what it stored stays", async (t) => {
  const hub = await startHub(t);
  const { board: one, identity, token } = await enrolled(t, hub, "n1");
  const { board: two } = await enrolled(t, hub, "n2");
  await request(one.nc, "umec.n1.p1.telemetry", "kept");
  await request(two.nc, "umec.n2.p1.telemetry", "other");
  const cut = one.complaint(/Authentication Revoked|Authorization Violation/i);
  const startMs = performance.now();
  await revokeNode(hub.desk, "n1");
  await cut;
  const tookMs = performance.now() - startMs;
  t.diagnostic(`cut after ${tookMs.toFixed(0)} ms`);
  assert.ok(tookMs < 2000, `${tookMs} ms`);
  await one.complaint(/Authorization Violation|Revoked/i);
  await assert.rejects(one.nc.request("umec.n1.p1.telemetry", "late", { timeout: 300 }));
  await request(two.nc, "umec.n2.p1.telemetry", "other");
  assert.deepEqual(await storedSubjects(hub), { "umec.n1.p1.telemetry": 1, "umec.n2.p1.telemetry": 2 });
  assert.equal((await recordOf(hub, "n1"))?.state, "revoked");
  // Nor by the token that it once had.
  await one.link(token.creds);
  assert.equal(codeOf(await enrolOver(one, token, identity)), "NODE_REVOKED");
});

test("hardware that replaces a node continues its chains, and the old one is cut off", async (t) => {
  const hub = await startHub(t);
  const { board: old, identity } = await enrolled(t, hub, "n1");
  await request(old.nc, "umec.n1.p1.telemetry", "one");
  await assert.rejects(tokenFor(hub, "n1"), /n1 is enrolled since/);
  await replaceNode(hub.desk, "n1");
  await request(old.nc, "umec.n1.p1.telemetry", "two");
  const [token, spare] = [await tokenFor(hub, "n1"), await tokenFor(hub, "n1")];
  const cut = old.complaint(/Revoked/i);
  const fresh = newIdentity();
  const one = await board(t, hub, "n1", token.creds);
  const answer = accepted(await enrolOver(one, token, fresh));
  await cut;
  await one.link(credentialsOf(answer, fresh));
  await request(one.nc, "umec.n1.p1.telemetry", "three");
  const last = await one.nc.request("hub.last.umec.n1.p1.telemetry", "", { timeout: 2000 });
  assert.deepEqual([last.string(), last.headers?.get("Nats-Sequence")], ["three", "3"]);
  const record = await recordOf(hub, "n1");
  assert.deepEqual(record?.keys, fresh.keys);
  assert.deepEqual(
    record?.former.map(({ keys }) => keys),
    [identity.keys],
  );
  // The name was free for one.
  await one.link(spare.creds);
  assert.equal(codeOf(await enrolOver(one, spare, newIdentity())), "NODE_TAKEN");
});

test("with claims of seconds a node that renews stays linked, and who is not enrolled gets none", async (t) => {
  const hub = await startHub(t, { enrolment: { validMs: 4000 } });
  const { board: one, identity, answer } = await enrolled(t, hub, "n1");
  await request(one.nc, "umec.n1.p1.telemetry", "before");
  const other = await renewOver(one, "n1", newIdentity());
  assert.equal("refused" in other && other.refused.code, "NODE_REVOKED");
  while (Date.now() < answer.renewAtMs) await new Promise((done) => setTimeout(done, 50));
  const renewed = await renewOver(one, "n1", identity);
  assert.ok(!("refused" in renewed));
  assert.ok(renewed.expiresAtMs > answer.expiresAtMs);
  await one.link(credentialsOf(renewed, identity));
  while (Date.now() < answer.expiresAtMs + 500) await new Promise((done) => setTimeout(done, 50));
  await request(one.nc, "umec.n1.p1.telemetry", "after", 900);
  assert.deepEqual(await storedSubjects(hub), { "umec.n1.p1.telemetry": 2 });
  // Unrenewed it ends.
  await one.complaint(/Expired|Authorization Violation/i);
  await assert.rejects(one.nc.request("umec.n1.p1.telemetry", "late", { timeout: 200 }));
});

test("a node that had a credentials file loses it to its own keys", async (t) => {
  const hub = await startHub(t, { nodes: ["n1"] });
  const { readFile } = await import("node:fs/promises");
  const file = hub.credentialsFile("n1");
  const credentials = await readFile(file, "utf8");
  const old = await board(t, hub, "n1", credentials);
  await request(old.nc, "umec.n1.p1.telemetry", "one");
  const cut = old.complaint(/Auth/i);
  const { board: one } = await enrolled(t, hub, "n1");
  await cut;
  await request(one.nc, "umec.n1.p1.telemetry", "two");
  await assert.rejects(old.nc.request("umec.n1.p1.telemetry", "late", { timeout: 300 }));
  assert.throws(() => hub.credentialsFile("n1"), /no credentials/);
  await assert.rejects(readFile(file));
});

test("who has enrolled is known after a start, and a lost answer is asked for again", async (t) => {
  const dir = await scratch();
  const first = await startHub(t, { dir });
  const token = await tokenFor(first, "n1");
  const { enrol } = await import("./enrolment.ts");
  const identity = newIdentity();
  const { envelope } = questionOf(token, identity);
  // Killed after the registry was written, before anything else.
  const broken = { ...first.desk, apply: () => Promise.reject(new Error("killed")) };
  await assert.rejects(enrol(broken, JSON.stringify(envelope)), /killed/);
  await first.stop();

  const second = await startHub(t, { dir });
  assert.deepEqual((await recordOf(second, "n1"))?.keys, identity.keys);
  const one = await board(t, second, "n1", token.creds);
  const answer = accepted(await enrolOver(one, token, identity));
  await one.link(credentialsOf(answer, identity));
  await request(one.nc, "umec.n1.p1.telemetry", "own");
});

test("a forger who speaks the leaf protocol itself gets no further than its own question", async (t) => {
  const hub = await startHub(t, { nodes: ["n9"] });
  const [token, other] = [await tokenFor(hub, "n1"), await tokenFor(hub, "n2")];
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  const heard: string[] = [];
  fleet.subscribe(">", {
    callback: (_, { subject }) => {
      if (/^(umec|cmd|renew|enrol|hub)\./.test(subject)) heard.push(subject);
    },
  });
  await fleet.flush();
  const forbidden = [
    "umec.n1.p1.telemetry",
    "umec.n9.p1.telemetry",
    "cmd.n9.p1.x",
    "$JS.API.STREAM.NAMES",
    "$JS.hub.API.STREAM.NAMES",
    "$SYS.REQ.SERVER.PING",
    "renew.n9",
    "hub.renew.n9",
    "_INBOX_n9.x",
    enrolSubject(other.id),
  ];
  const theirs = JSON.stringify(questionOf(other, newIdentity()).envelope);
  for (const subject of forbidden) {
    using forger = await linkRaw(hub.leafUrl, token.creds, "forger");
    forger.say(subject, theirs, "_INBOX_n1.x");
    // It closes the link for it; its last words may be lost with that.
    await assert.rejects(forger.settle(), /^Error: closed: (.*Permissions Violation.*)?$/i, subject);
  }
  using deaf = await linkRaw(hub.leafUrl, token.creds, "deaf");
  for (const subject of ["cmd.>", "umec.>", "enrol.>", "renew.>", "_INBOX_n2.>", ">"])
    deaf.subscribe(subject);
  await deaf.settle().catch(() => undefined);

  const two = await board(t, hub, "n2", other.creds);
  accepted(await enrolOver(two, other, newIdentity()));
  assert.deepEqual(deaf.heard, []);

  // Its own question, and an answer that is to go elsewhere.
  const refused = [enrolSubject(other.id), "renew.n9", "umec.n9.p1.telemetry", "_INBOX_n2.x", "_INBOX_n1"];
  for (const reply of refused) {
    using forger = await linkRaw(hub.leafUrl, token.creds, "forger");
    forger.say(enrolSubject(token.id), JSON.stringify(questionOf(token, newIdentity()).envelope), reply);
    await forger.settle().catch(() => undefined);
  }
  const one = await board(t, hub, "n1", token.creds);
  accepted(await enrolOver(one, token, newIdentity()));
  assert.equal(hub.refusals.REPLY_FORGED, refused.length);
  await fleet.flush();
  assert.deepEqual(heard, []);
  assert.deepEqual(await storedSubjects(hub), {});
});
