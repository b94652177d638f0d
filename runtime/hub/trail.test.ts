import assert from "node:assert/strict";
import { appendFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { UmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { operatorOf, Trail } from "./trail.ts";

const scratch = createScratch();
const by = { user: "anna", uid: 1000, pid: 7 };

test("what changes something is entered before it is done, and with what came of it", async () => {
  const dir = await scratch();
  await using trail = await Trail.open(dir, { now: () => 5 });
  const shown = async () =>
    (await trail.read(9)).entries.map(({ n, what, result }) => `${n} ${what}: ${result}`);
  const done = await trail.run(by, "revoke lamp-1", async () => {
    assert.deepEqual(await shown(), ["1 revoke lamp-1: asked"]);
    return "x";
  });
  assert.equal(done, "x");
  const refusal = new UmecError("HUB_NODE_UNKNOWN", "no");
  await assert.rejects(
    trail.run(by, "revoke lamp-2", () => Promise.reject(refusal)),
    refusal,
  );
  assert.deepEqual((await shown()).slice(1), [
    "2 revoke lamp-1: done",
    "3 revoke lamp-2: asked",
    "4 revoke lamp-2: HUB_NODE_UNKNOWN",
  ]);
  const { entries, broken } = await trail.read(1);
  assert.deepEqual([entries[0]!.by, entries[0]!.atMs, broken], [by, 5, []]);
  assert.equal((await stat(join(dir, "audit.jsonl"))).mode & 0o777, 0o600);
});

test("numbers and hashes go on after a start, and after a line that a power cut left incomplete", async () => {
  const dir = await scratch();
  {
    await using trail = await Trail.open(dir);
    await trail.append(by, "one", "done");
  }
  await appendFile(join(dir, "audit.jsonl"), '{"n":2,"at');
  await using trail = await Trail.open(dir);
  await trail.append(by, "two", "done");
  const { entries, broken } = await trail.read(9);
  assert.deepEqual(
    entries.map(({ n, what }) => [n, what]),
    [
      [1, "one"],
      [2, "two"],
    ],
  );
  assert.deepEqual(broken, []);
});

test("a line that was altered or taken out from between shows", async () => {
  const dir = await scratch();
  {
    await using trail = await Trail.open(dir);
    for (const what of ["one", "two", "three", "four"]) await trail.append(by, what, "done");
  }
  const path = join(dir, "audit.jsonl");
  const text = await readFile(path, "utf8");
  const brokenIn = async (altered: string) => {
    await writeFile(path, altered);
    await using trail = await Trail.open(dir);
    return (await trail.read(9)).broken;
  };
  assert.deepEqual(await brokenIn(text), []);
  assert.deepEqual(await brokenIn(text.replace('"two"', '"too"')), [3]);
  assert.deepEqual(await brokenIn(text.replace(/.*"two".*\n/, "")), [3]);
});

test("it is bounded: full files are put aside, and the oldest of them go", async () => {
  const dir = await scratch();
  const options = { fileBytes: 400, files: 2 };
  for (let n = 0; n < 20; n++) {
    await using trail = await Trail.open(dir, options);
    await trail.append(by, `change ${n}`, "done");
  }
  const files = (await readdir(dir)).filter((name) => name.startsWith("audit-"));
  assert.equal(files.length, 2);
  await using trail = await Trail.open(dir, options);
  const { entries, broken } = await trail.read(100);
  assert.deepEqual(broken, []);
  assert.equal(entries.at(-1)!.n, 20);
  assert.ok(entries.length < 20 && entries.length > 4, `${entries.length} entries`);
});

test("what can't be entered is not done", async () => {
  const dir = await scratch();
  const trail = await Trail.open(dir);
  await trail[Symbol.asyncDispose]();
  let done = false;
  const work = async () => {
    done = true;
  };
  await assert.rejects(trail.run(by, "revoke lamp-1", work), { code: "HUB_AUDIT" });
  assert.equal(done, false);
});

test("who asks is what the request says, kept short, whatever it says", () => {
  assert.deepEqual(operatorOf(undefined), { user: "?", uid: -1, pid: -1 });
  assert.deepEqual(operatorOf({ user: "a".repeat(99), uid: 0, pid: "7", sudo: "anna", from: 5 }), {
    user: "a".repeat(64),
    uid: 0,
    pid: -1,
    sudo: "anna",
  });
});
