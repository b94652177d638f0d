import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import ours from "./sha256.ts";

/** What it stands for, which only `@nats-io/obj` brings. */
const theirs = createRequire(import.meta.resolve("@nats-io/obj"))("js-sha256") as typeof ours;

test("the hash of chunks is js-sha256's", () => {
  const [one, two] = [ours, theirs].map(({ sha256 }) => {
    const hash = sha256.create();
    for (const length of [0, 1, 63, 64, 65, 100_000]) hash.update(new Uint8Array(length).fill(length));
    return Uint8Array.from(hash.digest());
  });
  assert.equal(one!.length, 32);
  assert.deepEqual(one, two);
});
