/** With the node's real control sockets and files; only the hub is played. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, rename, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { test } from "node:test";
import { parse } from "yaml";
import { signDocument, type TargetReport } from "../document-wire.ts";
import { mergeTarget } from "../enrol/settle.ts";
import { silentLog } from "../log.ts";
import { createKey } from "../nats/keys.ts";
import { everybody, startTestPeople } from "../test-people.ts";
import { createScratch } from "../test-scratch.ts";
import { takeTargets } from "./take-target.ts";
import type { NodeDocument } from "./types.ts";

const scratch = createScratch();
const key = createKey("account");

/** A start of the part that takes targets over, at the node `dir` is of. */
function startTaker(
  people: Awaited<ReturnType<typeof startTestPeople>>,
  replace = (text: string, what: string) =>
    people.people.mergeTarget(what, (before) => mergeTarget(before, { target: parse(text) }).text),
  retryMs = 60_000,
) {
  const ended = new AbortController();
  let tell: (document: NodeDocument) => void = () => {};
  let reported = Promise.withResolvers<TargetReport>();
  const taking = takeTargets({
    node: "n1",
    documents: {
      watch: (_, onDocument) => {
        tell = onDocument;
      },
      report: (_, body) => reported.resolve(JSON.parse(body)),
      stop: async () => {},
    },
    notePath: join(people.dataPath, "target.json"),
    issuer: async () => key.getPublicKey(),
    replace,
    noteRefused: (what, reason) => people.people.noteRefused(what, reason),
    log: silentLog,
    signal: ended.signal,
    retryMs,
  });
  return {
    /** The hub's document, as it comes at a link-up; resolves with what the node reports. */
    show(revision: number, text: string): Promise<TargetReport> {
      reported = Promise.withResolvers();
      tell({ revision, body: signDocument("target", { node: "n1", issuedAtMs: revision, text }, key) });
      return reported.promise;
    },
    next(): Promise<TargetReport> {
      reported = Promise.withResolvers();
      return reported.promise;
    },
    concluded: taking.concluded.bind(taking),
    stop: () => ended.abort(),
  };
}

const targets = async (node: { trail(): Promise<string[]> }) =>
  (await node.trail()).filter((line) => line.startsWith("target "));

test("who is taken out by the hub has their session ended, and gets none any more", async () => {
  await using node = await startTestPeople(await scratch());
  const open = async () => {
    const socketPath = node.socketOf("viewer");
    const headers = { "umec-person": "a-viewer" };
    const asked = request({ socketPath, path: "/session", method: "POST", headers });
    asked.end(JSON.stringify({ command: "status" }));
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    return response;
  };
  const session = await open();
  assert.equal(session.statusCode, 200);
  const { "a-viewer": _, ...users } = everybody;
  const { state } = await startTaker(node).show(1, JSON.stringify({ users }));
  assert.equal(state, "taken");
  // As the node does, which follows the file.
  const { users: left } = parse(await readFile(node.targetPath, "utf8"));
  assert.deepEqual(Object.keys(left), Object.keys(users));
  await node.people.setUsers(node.state.target.users.filter(({ name }) => name in left));
  assert.match(await textOf(session), /this person may no longer log in/);
  assert.equal((await open()).statusCode, 403);
  assert.deepEqual(await targets(node), [
    "target the hub/node set, revision 1: asked",
    "target the hub/node set, revision 1: done",
  ]);
});

test("a power cut between any two steps: at the next start it is taken over all the same, and once", async () => {
  const lost = new Promise<never>(() => {});
  const steps = ["before", "written", "noted"] as const;
  for (const cut of steps) {
    await using node = await startTestPeople(await scratch());
    const merge = (text: string, what: string) =>
      node.people.mergeTarget(what, (before) => mergeTarget(before, { target: parse(text) }).text);
    const reached = Promise.withResolvers<void>();
    const first = startTaker(node, async (text, what) => {
      if (cut !== "before") await merge(text, what);
      if (cut === "noted") return true;
      reached.resolve();
      return lost;
    });
    const told = first.show(1, "log: { level: warn }\n");
    // Nothing that this start does after here counts: it is dead.
    await (cut === "noted" ? told : reached.promise);
    first.stop();
    const there = await readFile(node.targetPath, "utf8");
    assert.equal(there.includes("warn"), cut !== "before", cut);

    const second = startTaker(node);
    const { state, revision } = await second.show(1, "log: { level: warn }\n");
    assert.deepEqual([state, revision], ["taken", 1], cut);
    assert.match(await readFile(node.targetPath, "utf8"), /level: warn/);
    assert.equal((await targets(node)).filter((line) => line.endsWith(": done")).length, 1, cut);
    assert.equal(JSON.parse(await readFile(join(node.dataPath, "target.json"), "utf8")).issuedAtMs, 1);
  }
});

test("a node.yaml that is not there just now is no refusal: it is tried again; the newest document counts", async () => {
  await using node = await startTestPeople(await scratch());
  const taker = startTaker(node, undefined, 20);
  const aside = `${node.targetPath}.aside`;
  await rename(node.targetPath, aside);
  const failed = await taker.show(1, "log: { level: warn }\n");
  assert.equal(failed.state, "failed");
  assert.match(failed.reason!, /there is no file/);
  const again = taker.next();
  await rename(aside, node.targetPath);
  let report = await again;
  while (report.state === "failed") report = await taker.next();
  assert.equal(report.state, "taken");

  const newer = await taker.show(3, "log: { level: error }\n");
  const older = await taker.show(2, "log: { level: debug }\n");
  assert.deepEqual([newer.state, older.state], ["taken", "refused"]);
  assert.match(
    (await targets(node)).at(-1)!,
    /^target the hub\/node set, revision 2: refused: it is older than/,
  );
  assert.match(await readFile(node.targetPath, "utf8"), /level: error/);
  // A note that is lost is no harm: what is there already is taken again, to the same effect.
  await rm(join(node.dataPath, "target.json"));
  const before = await targets(node);
  assert.equal((await taker.show(3, "log: { level: error }\n")).state, "taken");
  assert.deepEqual(await targets(node), before);
  taker.stop();
});

test("whether the node came to be what it took over is told after it, and again when that changes", async () => {
  await using node = await startTestPeople(await scratch());
  const taker = startTaker(node);
  taker.concluded(["link: down"]);
  const taken = await taker.show(1, "log: { level: warn }\n");
  assert.deepEqual([taken.state, taken.reached, taken.failures], ["taken", undefined, undefined]);
  const failed = taker.next();
  taker.concluded(["start p1: no device"]);
  const { state, reached, failures } = await failed;
  assert.deepEqual([state, reached, failures], ["taken", false, ["start p1: no device"]]);
  const mended = taker.next();
  taker.concluded([]);
  assert.deepEqual([(await mended).reached, (await mended).failures], [true, undefined]);
  // The same once more, which changes nothing: what is known of the node still is so.
  assert.equal((await taker.show(2, "log: { level: warn }\n")).reached, true);
  assert.equal((await taker.show(3, "log: { level: loud }\n")).reached, undefined);
});
