import assert from "node:assert/strict";
import { once } from "node:events";
import { access, readFile, rm, stat, writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { test } from "node:test";
import { UmecError } from "./errors.ts";
import { readPeople } from "./people/people-file.ts";
import { leastLevels, may, type Right } from "./people/rights.ts";
import { type Asker, levels } from "./people/types.ts";
import { everybody, startTestPeople } from "./test-people.ts";
import { createScratch } from "./test-scratch.ts";

const scratch = createScratch();
const command = { plugin: "hall", point: "lamp/level", value: 5, ttlMs: 1000, by: "somebody else" };
const target = (more: object = {}) => ({ text: JSON.stringify({ node: "n1", users: everybody, ...more }) });

/** Every request with the right that it takes. */
const requests: readonly [what: string, body: unknown, right: Right][] = [
  ["GET /status", undefined, "status"],
  ["POST /command", command, "command"],
  ["GET /target", undefined, "target-read"],
  ["POST /target", target({ log: { level: "warn" } }), "target-write"],
  ["POST /target", target({ users: {} }), "target-own"],
  ["POST /target", target({ plugins: { p: { exec: ["/bin/true"] } } }), "target-own"],
  ["POST /target", target({ node: "n2" }), "target-own"],
  ["POST /target", target({ data: "./elsewhere" }), "target-own"],
  ["POST /update/bundle", {}, "update"],
  ["POST /update", {}, "update"],
  ["POST /update/restart", {}, "update"],
  ["POST /enrol/question", {}, "enrol"],
  ["POST /enrol/answer", { text: "an answer" }, "enrol"],
  ["POST /reboot", {}, "reboot"],
];

test("every request, on each level's socket: allowed as the table says, and nothing done otherwise", async () => {
  const asked = new Set(requests.map(([, , right]) => right));
  assert.deepEqual([...asked, "session"].sort(), Object.keys(leastLevels).sort());
  for (const level of [...levels, "node"] as const) {
    await using node = await startTestPeople(await scratch());
    const { ask, targetPath, sockets, state } = node;
    const text = await readFile(targetPath, "utf8");
    for (const [what, body, right] of requests) {
      const { status, body: said } = await ask(level, what, body);
      const answers = /^(GET|POST .command|POST .update|POST .enrol.*)$/.test(what.replace(/^GET.*/, "GET"));
      const ok = answers ? 200 : 204;
      assert.equal(status, may({ level }, right) ? ok : 403, `${level}: ${what} ${right}: ${said}`);
      if (status === 403) assert.equal(JSON.parse(said).error.code, "PERSON_NOT_ALLOWED");
      await writeFile(targetPath, text);
    }
    const rebooting = await access(join(sockets, "reboot")).then(
      () => true,
      () => false,
    );
    assert.equal(rebooting, may({ level }, "reboot"));
    assert.equal(state.commands.length, may({ level }, "command") ? 1 : 0);
  }
});

test("what was refused leaves node.yaml as it was, and what was allowed is it", async () => {
  await using node = await startTestPeople(await scratch());
  const before = await readFile(node.targetPath, "utf8");
  const own = target({ plugins: { p: { exec: ["/bin/sh"] } } });
  assert.equal((await node.ask("maintainer", "POST /target", own)).status, 403);
  assert.equal((await node.ask("viewer", "POST /target", own)).status, 403);
  const invalid = await node.ask("owner", "POST /target", { text: "node: N1!" });
  assert.deepEqual([invalid.status, JSON.parse(invalid.body).error.code], [422, "TARGET_INVALID"]);
  assert.equal(await readFile(node.targetPath, "utf8"), before);
  assert.equal((await node.ask("owner", "POST /target", own)).status, 204);
  assert.equal(await readFile(node.targetPath, "utf8"), own.text);
  // The file is newer than what the node is led to: a maintainer's copy of before would take the program out, and may.
  assert.equal((await node.ask("maintainer", "POST /target", target())).status, 204);
  assert.equal((await node.ask("maintainer", "POST /target", own)).status, 403, "but not put it back");
  assert.deepEqual(JSON.parse((await node.ask("maintainer", "GET /target")).body), target());
});

test("a maintainer can't bring back whom an owner has just taken out", async () => {
  await using node = await startTestPeople(await scratch());
  const { "a-viewer": _, ...without } = everybody;
  const [taken, back] = await Promise.all([
    node.ask("owner", "POST /target", target({ users: without })),
    node.ask("maintainer", "POST /target", target({ log: { level: "warn" } })),
  ]);
  assert.deepEqual([taken.status, back.status], [204, 403]);
});

test("the socket is the level, whatever is claimed, and who is not in the target state is nobody", async () => {
  await using node = await startTestPeople(await scratch());
  const { ask, state, people } = node;
  for (const person of ["a-owner", "nobody", "", "a-viewer, a-owner"]) {
    const { status, body } = await ask("viewer", "GET /status", undefined, person);
    assert.deepEqual([status, JSON.parse(body).error.code], [403, "PERSON_UNKNOWN"], person);
  }
  assert.equal((await ask("operator", "POST /command", command)).body, '"ok"\n');
  assert.equal(state.commands[0]!.by, "a-operator (operator)");
  await ask("node", "POST /command", command);
  assert.equal(state.commands[1]!.by, "somebody else");
  await people.setUsers([]);
  assert.equal((await ask("owner", "GET /status")).status, 403);
  assert.equal((await ask("node", "GET /status")).status, 200);
});

test("only a level's group and the node's user may open a socket", async () => {
  await using node = await startTestPeople(await scratch());
  for (const level of levels) assert.equal((await stat(node.socketOf(level))).mode & 0o777, 0o660);
  assert.equal((await stat(node.socketOf("node"))).mode & 0o777, 0o600);
});

test("the audit trail has who, level, what and result: asked before it is done, done before it is answered", async () => {
  await using node = await startTestPeople(await scratch());
  const { ask, trail, state } = node;
  const entries = async () => (await trail()).filter((line) => !line.startsWith("users "));
  assert.match(
    (await trail())[0]!,
    /^users node\.yaml\/node \+a-maintainer \(maintainer, 1 keys\), .*: done$/,
  );
  state.reply = async () => {
    assert.deepEqual(await entries(), ["command a-operator/operator hall/lamp/level = 5: asked"]);
    return 5;
  };
  const order: string[] = [];
  state.beforeAppend = async () => {
    order.push("append");
    // Slower than an answer would be.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  };
  const { body } = await ask("operator", "POST /command", command);
  order.push("answer");
  assert.deepEqual([body, order], ["5\n", ["append", "append", "answer"]]);
  assert.equal((await entries()).length, 2, "both are on disk when the answer is there");
  state.reply = () => Promise.reject(new UmecError("COMMAND_READ_ONLY", "it can only be read"));
  assert.equal((await ask("owner", "POST /command", { ...command, value: undefined })).status, 422);
  await ask("viewer", "POST /command", command);
  await ask("maintainer", "POST /reboot", {});
  await ask("maintainer", "POST /target", target({ users: {} }));
  await ask("owner", "POST /target", target({ users: {} }));
  await ask("node", "POST /reboot", {});
  await ask("viewer", "GET /status");
  assert.deepEqual(await entries(), [
    "command a-operator/operator hall/lamp/level = 5: asked",
    "command a-operator/operator hall/lamp/level = 5: done",
    "command a-owner/owner hall/lamp/level: asked",
    "command a-owner/owner hall/lamp/level: COMMAND_READ_ONLY",
    "command a-viewer/viewer hall/lamp/level = 5: refused: PERSON_NOT_ALLOWED",
    "reboot a-maintainer/maintainer reboot: refused: PERSON_NOT_ALLOWED",
    "target a-maintainer/maintainer set, with users: refused: PERSON_NOT_ALLOWED",
    "target a-owner/owner set, with users: asked",
    "target a-owner/owner set, with users: done",
    "reboot a-node/node reboot: asked",
    "reboot a-node/node reboot: done",
  ]);
});

test("what can't be written down is not done", async () => {
  await using node = await startTestPeople(await scratch());
  node.state.beforeAppend = () => Promise.reject(new Error("disk full"));
  const { status, body } = await node.ask("operator", "POST /command", command);
  assert.deepEqual([status, JSON.parse(body).error.code], [422, "AUDIT_FAILED"]);
  assert.equal(node.state.commands.length, 0);
  assert.equal((await node.ask("viewer", "GET /status")).status, 200);
});

/** Opens a session, and resolves with what the node says of it. */
async function open(socketPath: string, person: string, body: object): Promise<IncomingMessage> {
  const asked = request({ socketPath, path: "/session", method: "POST", headers: { "umec-person": person } });
  asked.end(JSON.stringify(body));
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  return response;
}

test("a session is written down from its begin to its end, and ends when its person is taken out", async () => {
  await using node = await startTestPeople(await scratch());
  const { socketOf, people, state, trail } = node;
  const sessions = async () => (await trail()).filter((line) => line.startsWith("session "));
  const lines = async (count: number) => {
    for (;;) {
      const now = await sessions();
      if (now.length >= count) return now;
      await new Promise(setImmediate);
    }
  };
  const viewer = await open(socketOf("viewer"), "a-viewer", { command: "status", from: "192.0.2.7" });
  assert.equal(viewer.statusCode, 200);
  const owner = await open(socketOf("owner"), "a-owner", { command: "" });
  owner.once("error", () => {});
  owner.destroy();
  assert.deepEqual(await lines(3), [
    "session a-viewer/viewer status: begin",
    "session a-owner/owner shell: begin",
    "session a-owner/owner shell: end",
  ]);
  await people.setUsers(state.target.users.filter(({ name }) => name !== "a-viewer"));
  assert.deepEqual(
    (await textOf(viewer))
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
    [{}, { end: "this person may no longer log in" }],
  );
  assert.equal((await lines(4))[3], "session a-viewer/viewer status: end: this person may no longer log in");
  const again = await open(socketOf("viewer"), "a-viewer", { command: "" });
  assert.equal(again.statusCode, 403);
  const said = await open(socketOf("operator"), "a-operator", {
    command: "sh",
    refused: "sh is not offered",
  });
  assert.equal(said.statusCode, 403);
  assert.deepEqual((await lines(6)).slice(4), [
    "session a-viewer/viewer shell: refused: PERSON_UNKNOWN",
    "session a-operator/operator sh: refused: sh is not offered",
  ]);
  const last = await open(socketOf("owner"), "a-owner", { command: "" });
  last.once("error", () => {});
  await people.stop();
  assert.equal((await sessions()).at(-1), "session a-owner/owner shell: end: the node stops");
});

test("people.json follows the target state", async () => {
  await using node = await startTestPeople(await scratch());
  const path = join(node.dataPath, "people.json");
  assert.deepEqual(await readPeople(path), node.state.target.users);
  await node.people.setUsers([]);
  assert.deepEqual(await readPeople(path), []);
  assert.equal(
    (await node.trail()).at(-1),
    "users node.yaml/node -a-maintainer, -a-operator, -a-owner, -a-viewer: done",
  );
  // Without a runtime directory there is nothing but the private socket, and no people.json where nobody ever was.
  await rm(path);
  await node.people.setUsers([]);
  await assert.rejects(access(path), { code: "ENOENT" });
});

test("a socket takes no body without end, and no more sessions than it can hold", async () => {
  await using node = await startTestPeople(await scratch());
  const big = await node
    .ask("owner", "POST /target", { text: "x".repeat(3 * 2 ** 20) })
    .catch(() => undefined);
  assert.ok(big === undefined || big.status === 422);
  const asker: Asker["level"] = "owner";
  assert.equal((await node.ask(asker, "GET /status")).status, 200);
});
