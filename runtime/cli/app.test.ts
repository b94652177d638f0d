import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratch, umec } from "./test-program.ts";

test("a secret is made with the line for node.yaml, which a check takes and a list shows", async () => {
  await using dir = await scratch();
  const made = await umec(["app", "secret", "board"]);
  assert.equal(made.code, 0);
  const secret = /:\n {2}(\S{43})\n/.exec(made.stdout)![1]!;
  const lines = made.stdout.slice(made.stdout.indexOf("  apps:")).replaceAll(/^ {2}/gm, "");
  assert.ok(lines.includes(createHash("sha256").update(secret).digest("hex")));
  const file = join(dir.path, "node.yaml");
  await writeFile(
    file,
    `node: n1\napi: {}\n${lines}      read: [weather/**]\n`.replace("      read", "    read"),
  );
  const listed = await umec(["app", "list", file]);
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /^APP +INSTANCE .*\nboard +[0-9a-f-]{36} .*weather\/\*\* +-\n$/);
  const json = JSON.parse((await umec(["app", "list", file, "--json"])).stdout) as Record<string, unknown>;
  assert.equal(json.name, "board");
  assert.ok(!("secretSha256" in json));
});

test("a wrong name, and a file with errors, are told by their status", async () => {
  await using dir = await scratch();
  const wrong = await umec(["app", "secret", "Weather Board"]);
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  const file = join(dir.path, "node.yaml");
  await writeFile(file, "node: n1\napps: []\n");
  assert.equal((await umec(["app", "list", file])).code, 3);
});
