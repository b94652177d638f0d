import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openAnswer, parseToken, tokenPrefix } from "../enrol-wire.ts";
import { accepted, credentialsOf, enrolOver, questionOf, request, startBoard } from "../hub/test-enrol.ts";
import { newIdentity } from "../test-identity.ts";
import type { HubReady } from "./hub-serve.ts";
import { scratch, startUmec, umec } from "./test-program.ts";

const anyPorts = ["--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0"];

/** A directory that a hub has made and left. */
async function idleHub(path: string): Promise<string> {
  const data = join(path, "hub");
  const hub = startUmec(["hub", "--data", data, ...anyPorts, "--json"]);
  await hub.firstLine();
  hub.process.kill("SIGTERM");
  await hub.ended;
  return data;
}

async function lines(args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await umec(args);
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

test("beside a running hub tokens are made, a board enrols, is listed, renamed to other hardware, and revoked", async () => {
  await using dir = await scratch();
  const data = join(dir.path, "hub");
  await using hub = startUmec(["hub", "--data", data, ...anyPorts, "--json", "--node", "old-1"]);
  const ready: HubReady = JSON.parse(await hub.firstLine());
  assert.equal((await stat(join(data, "control.sock"))).mode & 0o777, 0o600);

  const printed = await umec(["hub", "token", "--data", data, "--name", "lamp-1"]);
  assert.equal(printed.code, 0, printed.stderr);
  const token = parseToken(printed.stdout);
  const identity = newIdentity();
  await using board = await startBoard("lamp-1", ready.leafUrl);
  await board.link(token.creds);
  const answer = accepted(await enrolOver(board, token, identity));
  await board.link(credentialsOf(answer, identity));
  await request(board.nc, "umec.lamp-1.p1.telemetry", "one");

  const listed = await lines(["hub", "nodes", "--data", data, "--json"]);
  assert.deepEqual(
    listed.map(({ node, state, link }) => [node, state, link]),
    [
      ["lamp-1", "enrolled", identity.keys.link],
      ["old-1", "credentials", undefined],
    ],
  );
  const table = await umec(["hub", "nodes", "--data", data]);
  assert.match(table.stdout, /^NODE +STATE +ENROLLED +RENEWED +EXPIRES\nlamp-1 +enrolled +20\d\d-/);

  const again = await umec(["hub", "token", "--data", data, "--name", "lamp-1"]);
  assert.deepEqual([again.code, again.stdout], [1, ""]);
  assert.match(again.stderr, /lamp-1 is enrolled since .*\nhint: .*umec hub replace lamp-1\n$/);

  const cut = board.complaint(/Revoked/);
  const revoked = await umec(["hub", "revoke", "lamp-1", "--data", data]);
  assert.deepEqual([revoked.code, revoked.stdout], [0, "lamp-1 is revoked\n"]);
  await cut;
  assert.equal(
    (await umec(["hub", "replace", "lamp-1", "--data", data, "--json"])).stdout,
    '{"node":"lamp-1"}\n',
  );

  const out = join(dir.path, "card.json");
  const url = ["--hub-url", "tls://hub.example.org:7422"];
  const card = await umec(["hub", "card", "lamp-1", "--token", "--data", data, ...url, "--out", out]);
  assert.equal(card.code, 0, card.stderr);
  const { hub: its } = JSON.parse(await readFile(out, "utf8"));
  assert.deepEqual(Object.keys(its), ["urls", "token"]);
  assert.equal(parseToken(its.token).node, "lamp-1");
  assert.equal((await stat(out)).mode & 0o777, 0o600);

  hub.process.kill("SIGTERM");
  const { stderr } = await hub.ended;
  // Nothing of a token is in the log.
  assert.doesNotMatch(stderr, new RegExp(`${token.secret}|${tokenPrefix}`));
});

test("without a running hub the directory is worked on, a file answers a node, and the next start knows it", async () => {
  await using dir = await scratch();
  const data = await idleHub(dir.path);
  const [made] = await lines([
    "hub",
    "token",
    "--data",
    data,
    "--name",
    "lamp-1",
    "--expires",
    "2d",
    "--json",
  ]);
  const token = parseToken(String(made!.token));
  assert.ok(Math.abs(token.expiresAtMs - Date.now() - 2 * 86_400_000) < 60_000);
  const identity = newIdentity();
  const { question, envelope } = questionOf(token, identity);
  const [asked, answered] = [join(dir.path, "question.json"), join(dir.path, "answer.json")];
  await writeFile(asked, JSON.stringify(envelope));
  const enrolled = await umec(["hub", "enrol", asked, "--out", answered, "--data", data]);
  assert.equal(enrolled.code, 0, enrolled.stderr);
  const answer = accepted(openAnswer(await readFile(answered, "utf8"), question.nonce, token));

  const thief = questionOf(token, newIdentity());
  await writeFile(asked, JSON.stringify(thief.envelope));
  const refused = await umec(["hub", "enrol", asked, "--out", answered, "--data", data]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /lamp-1 was not enrolled: the token was used at /);
  const told = openAnswer(await readFile(answered, "utf8"), thief.question.nonce, token);
  assert.equal("refused" in told && told.refused.code, "TOKEN_SPENT");

  await using hub = startUmec(["hub", "--data", data, ...anyPorts, "--json"]);
  const { leafUrl } = JSON.parse(await hub.firstLine());
  await using board = await startBoard("lamp-1", leafUrl);
  await board.link(credentialsOf(answer, identity));
  await request(board.nc, "umec.lamp-1.p1.telemetry", "one");
});

test("a table of nodes makes a file for each, or names each wrong line and makes none", async () => {
  await using dir = await scratch();
  const data = await idleHub(dir.path);
  await mkdir(join(dir.path, "in"));
  await writeFile(join(dir.path, "in", "lamp.yaml"), "node: any\noutbox: { quotaBytes: 64MiB }\n");
  const table = join(dir.path, "in", "cards.csv");
  const out = join(dir.path, "tokens");
  const make = ["hub", "token", "--data", data, "--csv", table, "--out", out];
  await writeFile(
    table,
    "name,expires,target\nlamp-1,,\nLamp.2,,\nlamp-1,,\nlamp-3,soon,\nlamp-4,,no.yaml\n",
  );
  const wrong = await umec(make);
  assert.equal(wrong.code, 2);
  assert.match(
    wrong.stderr,
    /cards\.csv has 4 wrong lines:\n {2}line 3: "Lamp\.2" is no name.*\n {2}line 4: lamp-1 is in line 2 already\n {2}line 5: .*duration.*\n {2}line 6: .*no\.yaml/,
  );
  assert.deepEqual(await lines(["hub", "nodes", "--data", data, "--json"]), []);
  await writeFile(table, "lamp-1\nlamp-2\n");
  assert.match((await umec(make)).stderr, /begins with lamp-1, not with a header/);

  await writeFile(table, '\uFEFFName,Target\r\n"lamp-1",lamp.yaml\r\n\r\nlamp-2\r\n');
  const made = await umec(make);
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual((await readdir(out)).sort(), ["lamp-1.token", "lamp-2.token"]);
  assert.equal((await stat(join(out, "lamp-1.token"))).mode & 0o777, 0o600);
  const states = await lines(["hub", "nodes", "--data", data, "--json"]);
  assert.deepEqual(
    states.map(({ node, state }) => [node, state]),
    [
      ["lamp-1", "waiting"],
      ["lamp-2", "waiting"],
    ],
  );
});

test("no hub, no name and both are said", async () => {
  await using dir = await scratch();
  const missing = await umec(["hub", "nodes", "--data", join(dir.path, "none")]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^umec: there is no hub in .*\nhint: name its directory/);
  assert.equal((await umec(["hub", "token", "--data", dir.path])).code, 2);
  assert.equal((await umec(["hub", "token", "--csv", "x.csv"])).code, 2);
});
