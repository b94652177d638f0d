import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cardFileBytes } from "../commission/card-file.ts";
import { full } from "../commission/test-card.ts";
import { createScratch } from "../test-scratch.ts";
import { umec } from "./test-program.ts";

const scratch = createScratch();

async function card(value: unknown): Promise<{ dir: string; file: string; root: string }> {
  const dir = await scratch();
  const file = join(dir, "umec.json");
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
  await writeFile(file, text.padEnd(cardFileBytes, " "));
  return { dir, file, root: join(dir, "root") };
}

test("a card is taken over once, its secrets go, and a second run does nothing", async () => {
  const { file, root } = await card({ ...full, hub: { ...full.hub, token: undefined } });
  const first = await umec(["commission", file, "--root", root]);
  assert.deepEqual([first.code, first.stdout, first.stderr], [0, "lamp-0042 is commissioned\n", ""]);
  const check = await umec(["check", join(root, "data/umec/node.yaml")]);
  assert.equal(check.code, 0, check.stdout);
  const left = await readFile(file, "utf8");
  assert.equal(left.length, cardFileBytes);
  assert.match(left, /^\{"commissioned":"lamp-0042"\}\s*$/);
  const second = await umec(["commission", file, "--root", root]);
  assert.equal(second.code, 0);
  assert.match(second.stdout, /was taken over by lamp-0042: nothing to do\n$/);
});

test("a blank card is nothing to do", async () => {
  const { file, root } = await card("");
  const { code, stdout } = await umec(["commission", file, "--root", root]);
  assert.equal(code, 0);
  assert.match(stdout, /is blank: nothing to do\n$/);
});

test("a card with errors is status 3 with all of them, and what was there stays, the card too", async () => {
  const { file, root } = await card(full);
  assert.equal((await umec(["commission", file, "--root", root, "--keep"])).code, 0);
  const before = await readFile(join(root, "data/umec/node.yaml"), "utf8");
  const wrong = JSON.stringify({ ...full, node: "Lamp 1", sssh: [] }).padEnd(cardFileBytes, " ");
  await writeFile(file, wrong);
  const { code, stderr } = await umec(["commission", file, "--root", root]);
  assert.equal(code, 3);
  assert.match(stderr, /:1:\d+: node: "Lamp 1": /);
  assert.match(stderr, /: sssh: unknown key\n {4}hint: did you mean ssh\?/);
  assert.match(stderr, /has 2 errors: nothing was changed\nhint: /);
  assert.ok(!stderr.includes("NKEY"));
  assert.equal(await readFile(join(root, "data/umec/node.yaml"), "utf8"), before);
  assert.equal(await readFile(file, "utf8"), wrong);
});

test("a card for another node renames it, and says so", async () => {
  const { file, root } = await card(full);
  await umec(["commission", file, "--root", root]);
  await writeFile(file, JSON.stringify({ node: "lamp-0043" }));
  const { code, stdout } = await umec(["commission", file, "--root", root]);
  assert.deepEqual([code, stdout], [0, "lamp-0043 is commissioned; the node was lamp-0042\n"]);
});

test("what a power cut left of the secrets is blanked at the next start, and nothing else is done", async () => {
  const { file, root } = await card(full);
  const old = await readFile(file);
  await umec(["commission", file, "--root", root]);
  const whole = await readFile(file);
  await writeFile(file, Buffer.concat([whole.subarray(0, 512), old.subarray(512)]));
  await writeFile(join(root, "data/umec/node.yaml"), "node: changed-since\n");
  const { code, stdout } = await umec(["commission", file, "--root", root]);
  assert.equal(code, 0);
  assert.match(stdout, /what a power cut had left of it is blanked now\n$/);
  assert.deepEqual(await readFile(file), whole);
  assert.equal(await readFile(join(root, "data/umec/node.yaml"), "utf8"), "node: changed-since\n");
});

test("--check changes nothing, and a file that is not there is status 3", async () => {
  const { dir, file, root } = await card(full);
  const { code, stdout } = await umec(["commission", file, "--root", root, "--check"]);
  assert.deepEqual([code, stdout], [0, `${file}: ok, for lamp-0042\n`]);
  await assert.rejects(readFile(join(root, "data/etc/hostname")));
  assert.match(await readFile(file, "utf8"), /NKEY SEED/);
  const missing = await umec(["commission", join(dir, "none.json")]);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /can't be read: .*\nhint: /);
});
