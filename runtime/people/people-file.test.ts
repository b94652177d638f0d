import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { sshKeyOf } from "../ssh-key.ts";
import { createScratch } from "../test-scratch.ts";
import { formatPeople, parsePeople, readPeople, writePeople } from "./people-file.ts";
import { testKey } from "./test-key.ts";
import type { UserTarget } from "./types.ts";

const scratch = createScratch();
const anna: UserTarget = { name: "anna", level: "operator", keys: [testKey(1), testKey(2)] };

test("what is written is read again, and only its owner may", async () => {
  const path = join(await scratch(), "people.json");
  await writePeople(path, []);
  await assert.rejects(stat(path), { code: "ENOENT" }, "where nobody ever may log in there is no file");
  await writePeople(path, [anna]);
  assert.deepEqual(await readPeople(path), [anna]);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const { mtimeMs, ino } = await stat(path);
  await writePeople(path, [anna]);
  const again = await stat(path);
  assert.deepEqual([again.mtimeMs, again.ino], [mtimeMs, ino], "the same is not written again");
  await writePeople(path, []);
  assert.equal(await readFile(path, "utf8"), '{"version":1,"users":[]}\n');
});

const text = (users: unknown, more: object = {}) => JSON.stringify({ version: 1, users, ...more });
const user = (more: object) => text([{ ...anna, ...more }]);

for (const [what, hostile] of [
  ["no JSON", "{"],
  ["no mapping", "[]"],
  ["null", "null"],
  ["another version", text([], { version: 2 })],
  ["an unknown key", text([], { sudo: true })],
  ["users that are no list", text({})],
  ["10,000 users", text(Array.from({ length: 10_000 }, (_, i) => ({ ...anna, name: `u${i}`, keys: [] })))],
  ["a user that is none", text([null])],
  ["an unknown key of a user", user({ shell: "/bin/sh" })],
  ["a name with a quote", user({ name: 'a" ssh' })],
  ["a name with a newline", user({ name: "a\nb" })],
  ["a name that is no text", user({ name: ["a"] })],
  ["an unknown level", user({ level: "root" })],
  ["a level of an object's own", user({ level: "constructor" })],
  ["no keys", text([{ name: "a", level: "owner" }])],
  ["100 keys", user({ keys: Array.from({ length: 100 }, (_, i) => testKey(i)) })],
  ["a newline in a key", user({ keys: [`${testKey(1)}\n${testKey(2)}`] })],
  ["a newline behind a key", user({ keys: [`${testKey(1)}\n`] })],
  ["a carriage return in a key", user({ keys: [`${testKey(1)}\r`] })],
  ["options in front of a key", user({ keys: [`command="/bin/sh" ${testKey(1)}`] })],
  ["options where the type is", user({ keys: [`no-pty,${testKey(1)}`] })],
  ["a comment", user({ keys: [`${testKey(1)} anna@desk`] })],
  ["a key of another type than it says", user({ keys: [testKey(1).replace("ed25519", "rsa")] })],
  ["half a key", user({ keys: [testKey(1).slice(0, -8)] })],
  ["an endless key", user({ keys: [`ssh-rsa ${"A".repeat(20_000)}`] })],
  ["a key that is no text", user({ keys: [{ toString: "x" }] })],
  ["a key twice", user({ keys: [testKey(1), testKey(1)] })],
  ["a person twice", text([anna, { ...anna, keys: [] }])],
  ["a key of two persons", text([anna, { ...anna, name: "bob" }])],
] as const) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parsePeople(hostile),
      (error) => isUmecError(error, "PEOPLE_INVALID"),
    );
  });
}

test("a key is taken without its comment, and only whole", () => {
  assert.equal(sshKeyOf(`${testKey(1)} anna at her desk`), testKey(1));
  for (const line of [
    "",
    testKey(1).slice(4),
    `${testKey(1)}\u0000`,
    `${testKey(1)} a\u001b[2J`,
    `x ${testKey(1)}`,
  ])
    assert.equal(sshKeyOf(line), undefined, JSON.stringify(line));
  assert.deepEqual(parsePeople(formatPeople([anna])), [anna]);
});
