/** Enrolment by files that somebody carries, between a node and a hub that never meet. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { askNode } from "../cli/control-socket.ts";
import { umec } from "../cli/test-program.ts";
import { enrol } from "../hub/enrolment.ts";
import { giveToken, runNode, startHub, tokenFor, writeNode } from "../test-enrolling.ts";
import { createScratch } from "../test-scratch.ts";

const scratch = createScratch();

test("a node that runs without a link enrols by files, and links where the hub tells it to", async (t) => {
  const dir = await scratch();
  const hub = await startHub(t, dir);
  const path = join(dir, "node.yaml");
  await writeFile(path, "node: n1\nplugins:\n  p1: { driver: count }\n");
  const { until } = await runNode(t, path);
  const socket = join(dir, "data", "run", "umec.sock");
  const ask = (where: string, text?: string) => askNode(socket, `/enrol/${where}`, { body: { text } });
  await assert.rejects(ask("question"), { code: "ENROL_NO_TOKEN" });
  await giveToken(dir, await tokenFor(hub, { hub: { urls: [hub.leafUrl] } }));
  await assert.rejects(ask("answer", "{}"), { code: "ENROL_NO_QUESTION" });
  const first = (await ask("question")) as { text: string };
  const { text } = (await ask("question")) as { text: string };
  const late = await enrol(hub.desk, first.text);
  await assert.rejects(ask("answer", late.answer), { code: "ANSWER_INVALID" });
  const { answer } = await enrol(hub.desk, text);
  await ask("answer", answer);
  await until(({ enrolment, link }) => enrolment?.state === "enrolled" && link.sentSamples > 5);
  assert.ok((await readFile(path, "utf8")).includes(hub.leafUrl));
  assert.deepEqual((await readdir(join(dir, "data", "keys"))).sort(), ["hub.json", "node.seed"]);
});

test("a node that does not run is enrolled on its files, and a refusal is said", async (t) => {
  const dir = await scratch();
  const hub = await startHub(t, dir);
  const board = async (name: string) => {
    const path = await writeNode(join(dir, name), hub.leafUrl);
    await writeFile(path, `node: n1\nlink: { hub: "${hub.leafUrl}" }\n`);
    await giveToken(join(dir, name), token);
    const file = join(dir, name, "question.json");
    const asked = await umec(["enrol", "question", path, "--out", file]);
    assert.equal(asked.code, 0, asked.stderr);
    const { answer } = await enrol(hub.desk, await readFile(file, "utf8"));
    await writeFile(join(dir, name, "answer.json"), answer);
    return umec(["enrol", "answer", join(dir, name, "answer.json"), path]);
  };
  const token = await tokenFor(hub);
  const first = await board("first");
  assert.match(first.stdout, /^n1 is enrolled, until 20/);
  const second = await board("second");
  assert.equal(second.code, 1);
  assert.match(second.stderr, /the node is not enrolled: the token was used at/);
  const { until } = await runNode(t, join(dir, "first", "node.yaml"));
  await until(({ enrolment, link }) => enrolment?.state === "enrolled" && link.state === "up");
});
