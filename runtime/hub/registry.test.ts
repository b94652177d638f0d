import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openAnswer } from "../enrol-wire.ts";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import { newIdentity } from "../test-identity.ts";
import { createScratch } from "../test-scratch.ts";
import { coalesce } from "./coalesce.ts";
import { openDesk } from "./desk.ts";
import { enrol } from "./enrolment.ts";
import { listNodes, replaceNode, revokeNode } from "./node-admin.ts";
import { RefusalLog } from "./refusal-log.ts";
import { renew } from "./renewal.ts";
import { HubKeys } from "./server-keys.ts";
import { questionOf } from "./test-enrol.ts";
import { issueTokens } from "./tokens.ts";

const scratch = createScratch();
const dayMs = 86_400_000;

/** A desk whose clock is set by hand. */
async function desk(dir: string, clock: { ms: number }) {
  return openDesk({ dir, log: silentLog, now: () => clock.ms });
}

test("keys of a hub before there were tokens stay what they are", async () => {
  const dir = await scratch();
  const made = await HubKeys.open(dir);
  await made.provideCredentials(["n1"]);
  const path = join(dir, "keys.json");
  const { enrol: _, tokenKey: __, ...file } = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...file, version: 1 }));
  const read = await HubKeys.open(dir);
  assert.equal(read.fleet.getPublicKey(), made.fleet.getPublicKey());
  assert.equal(read.node("n1").account.getPublicKey(), made.node("n1").account.getPublicKey());
  const again = await HubKeys.open(dir);
  assert.equal(again.tokenSecret("a"), read.tokenSecret("a"));
  assert.equal(JSON.parse(await readFile(path, "utf8")).version, 2);
});

test("files that are damaged or of a later version are left alone, and said", async () => {
  const dir = await scratch();
  const clock = { ms: Date.now() };
  await desk(dir, clock);
  const registry = join(dir, "registry.json");
  const wrong: [string, string, string][] = [
    [registry, '{"version":1,"nodes":{', "HUB_REGISTRY_DAMAGED"],
    [registry, '{"version":1,"nodes":[]}', "HUB_REGISTRY_DAMAGED"],
    [registry, '{"version":2}', "HUB_REGISTRY_VERSION"],
    [join(dir, "keys.json"), '{"version":3}', "HUB_KEYS_VERSION"],
  ];
  for (const [path, text, code] of wrong) {
    await writeFile(path, text);
    await assert.rejects(desk(dir, clock), (error) => isUmecError(error, code), text);
    assert.equal(await readFile(path, "utf8"), text);
  }
});

test("no secret of a token is on the hub's disk, and its file is its owner's alone", async () => {
  const dir = await scratch();
  const [token] = await issueTokens(await desk(dir, { ms: Date.now() }), [{ node: "n1" }]);
  const path = join(dir, "registry.json");
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const text = `${await readFile(path, "utf8")}${await readFile(join(dir, "keys.json"), "utf8")}`;
  assert.ok(text.includes(token!.id));
  assert.ok(!text.includes(token!.secret) && !text.includes("NKEY SEED"));
});

test("killed before the registry is written nothing has happened, killed after it the same answer is asked for", async () => {
  const dir = await scratch();
  const clock = { ms: Date.now() };
  const [token] = await issueTokens(await desk(dir, clock), [{ node: "n1" }]);
  const [first, second] = [newIdentity(), newIdentity()];
  const ask = (identity: typeof first) => questionOf(token!, identity);

  const early = await desk(dir, clock);
  early.registry.save = () => Promise.reject(new Error("killed"));
  await assert.rejects(enrol(early, JSON.stringify(ask(first).envelope)), /killed/);
  // Whoever comes then is the first.
  const late = { ...(await desk(dir, clock)), apply: () => Promise.reject(new Error("killed")) };
  await assert.rejects(enrol(late, JSON.stringify(ask(second).envelope)), /killed/);

  const after = await desk(dir, clock);
  const taken = await enrol(after, JSON.stringify(ask(first).envelope));
  assert.equal(taken.refused?.code, "TOKEN_SPENT");
  const { question, envelope } = ask(second);
  const outcome = await enrol(after, JSON.stringify(envelope));
  const answer = openAnswer(outcome.answer, question.nonce, token!);
  assert.ok("jwt" in answer);
  assert.deepEqual(after.registry.nodes.get("n1")?.keys, second.keys);
});

test("a writing that fails tells nobody, and the next one has it", async () => {
  const dir = await scratch();
  const clock = { ms: Date.now() };
  const one = await desk(dir, clock);
  const [token] = await issueTokens(one, [{ node: "n1" }]);
  const identity = newIdentity();
  const text = JSON.stringify(questionOf(token!, identity).envelope);
  const { save } = one.registry;
  one.registry.save = () => Promise.reject(new Error("no space left"));
  await assert.rejects(enrol(one, text), /no space/);
  one.registry.save = save;
  assert.equal((await enrol(one, text)).refused, undefined);
  assert.deepEqual((await desk(dir, clock)).registry.nodes.get("n1")?.keys, identity.keys);
});

test("two boards with one token at once: one is enrolled, and the other learns that it is spent", async () => {
  const one = await desk(await scratch(), { ms: Date.now() });
  const [token] = await issueTokens(one, [{ node: "n1" }]);
  const texts = Array.from({ length: 8 }, () => JSON.stringify(questionOf(token!, newIdentity()).envelope));
  const outcomes = await Promise.all(texts.map((text) => enrol(one, text)));
  assert.deepEqual(
    outcomes.map(({ refused }) => refused?.code),
    [undefined, ...Array(7).fill("TOKEN_SPENT")],
  );
});

test("tokens are forgotten 30 days after they expired, targets with them, and revocations with what they were against", async () => {
  const dir = await scratch();
  const clock = { ms: Date.now() };
  const one = await desk(dir, clock);
  const target = { outbox: { quotaBytes: "64MiB" } };
  const [token] = await issueTokens(one, [{ node: "n1", expiresInMs: dayMs, target }, { node: "n2" }]);
  const file = join(dir, "targets", `${one.registry.tokens.get(token!.id)?.target}.json`);
  assert.deepEqual(JSON.parse(await readFile(file, "utf8")), target);
  await enrol(one, JSON.stringify(questionOf(token!, newIdentity()).envelope));
  await revokeNode(one, "n1");
  assert.equal(Object.keys(one.registry.nodes.get("n1")!.revocations).length, 1);
  clock.ms += 32 * dayMs;
  await issueTokens(one, [{ node: "n3" }]);
  assert.equal(one.registry.tokens.has(token!.id), false);
  clock.ms += 60 * dayMs;
  await issueTokens(one, [{ node: "n4" }]);
  await assert.rejects(stat(file));
  assert.deepEqual(one.registry.nodes.get("n1")!.revocations, {});
  assert.deepEqual(
    listNodes(one, []).map(({ node, state }) => [node, state]),
    [
      ["n1", "revoked"],
      ["n4", "waiting"],
    ],
  );
});

test("of tokens that are asked for together all are made or none", async () => {
  const one = await desk(await scratch(), { ms: Date.now() });
  const wrong = [{ node: "n1" }, { node: "N2" }];
  await assert.rejects(issueTokens(one, wrong), (error) => isUmecError(error, "HUB_NODE_NAME"));
  const large = [{ node: "n1" }, { node: "n2", target: { text: "x".repeat(300_000) } }];
  await assert.rejects(issueTokens(one, large), (error) => isUmecError(error, "HUB_TARGET_TOO_LARGE"));
  assert.equal(one.registry.tokens.size, 0);
});

test("a revoked name goes to other hardware only when it is given free, and a token from before does not count", async () => {
  const one = await desk(await scratch(), { ms: Date.now() });
  const [token, spare] = await issueTokens(one, [{ node: "n1" }, { node: "n1" }]);
  const ask = (of: typeof token, identity = newIdentity()) =>
    enrol(one, JSON.stringify(questionOf(of!, identity).envelope));
  await ask(token);
  await replaceNode(one, "n1");
  assert.equal((await ask(spare)).refused?.code, "NODE_TAKEN");
  const [fresh] = await issueTokens(one, [{ node: "n1" }]);
  await revokeNode(one, "n1");
  assert.equal((await ask(fresh)).refused?.code, "TOKEN_UNKNOWN");
  await assert.rejects(issueTokens(one, [{ node: "n1" }]), /was revoked/);
  await replaceNode(one, "n1");
  const [last] = await issueTokens(one, [{ node: "n1" }]);
  assert.equal((await ask(last)).refused, undefined);
  assert.equal(one.registry.nodes.get("n1")?.former.length, 1);
});

test("a board whose claims have ended comes back with a new token, as what it was", async () => {
  const clock = { ms: Date.now() };
  const one = await desk(await scratch(), clock);
  const identity = newIdentity();
  const ask = async (who = identity) => {
    const [token] = await issueTokens(one, [{ node: "n1" }]);
    return enrol(one, JSON.stringify(questionOf(token!, who).envelope));
  };
  await ask();
  clock.ms += 100 * dayMs;
  await replaceNode(one, "n1");
  assert.equal((await ask()).refused, undefined);
  const { generation, former, expiresAtMs, replaceable } = one.registry.nodes.get("n1")!;
  assert.deepEqual([generation, former, replaceable], [1, [], undefined]);
  assert.equal(expiresAtMs, clock.ms + 90 * dayMs);
  await assert.rejects(ask(newIdentity()), /n1 is enrolled/);
});

test("renewals asked for without end cost no writing", async () => {
  const clock = { ms: Date.now() };
  const one = await desk(await scratch(), clock);
  const [token] = await issueTokens(one, [{ node: "n1" }]);
  const identity = newIdentity();
  await enrol(one, JSON.stringify(questionOf(token!, identity).envelope));
  const { askRenewal, newNonce } = await import("../enrol-wire.ts");
  const ask = async () => {
    const question = { version: 1, node: "n1", keys: identity.keys, nonce: newNonce() } as const;
    return (await renew(one, "n1", JSON.stringify(askRenewal(question, identity)))).answer;
  };
  const first = one.registry.nodes.get("n1")!.expiresAtMs;
  clock.ms += dayMs;
  const early = await ask();
  assert.equal("jwt" in early && early.expiresAtMs, first);
  clock.ms += 60 * dayMs;
  const due = await ask();
  assert.equal("jwt" in due && due.expiresAtMs, clock.ms + 90 * dayMs);
});

test("a run of coalesced work begins after the call that waits for it", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  let value = 0;
  const seen: number[] = [];
  const save = coalesce(async () => {
    seen.push(value);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
  });
  value = 1;
  const first = save();
  value = 2;
  const others = [save(), save(), save()];
  assert.deepEqual(seen, [1]);
  gates[0]!.reject(new Error("full"));
  await assert.rejects(first, /full/);
  await new Promise(setImmediate);
  assert.deepEqual(seen, [1, 2]);
  gates[1]!.resolve();
  await Promise.all(others);
  assert.equal(gates.length, 2);
});

test("a refusal that repeats is counted each time and logged once a minute", () => {
  const told: unknown[] = [];
  const clock = { ms: 0 };
  const log = { ...silentLog, warn: (_: string, fields: unknown) => void told.push(fields) };
  const refusals = new RefusalLog(log, () => clock.ms);
  for (let time = 0; time < 100; time++) refusals.add("TOKEN_SPENT", { node: "n1", token: "a" }, "used");
  refusals.add("TOKEN_SPENT", { node: "n2", token: "b" }, "used");
  assert.equal(told.length, 2);
  clock.ms = 60_000;
  refusals.add("TOKEN_SPENT", { node: "n1", token: "a" }, "used");
  assert.deepEqual(told[2], { node: "n1", token: "a", code: "TOKEN_SPENT", reason: "used", repeated: 99 });
  assert.deepEqual(refusals.counts, { TOKEN_SPENT: 102 });
});
