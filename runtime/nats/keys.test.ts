import assert from "node:assert/strict";
import { test } from "node:test";
import * as nkeys from "@nats-io/nkeys";
import fc from "fast-check";
import { createKey, keyFromSeed } from "./keys.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test("seeds and public keys are those of the nkeys package", () => {
  const makers = [nkeys.createOperator, nkeys.createAccount, nkeys.createUser];
  fc.assert(
    fc.property(fc.constantFrom(...makers), (make) => {
      const theirs = make();
      const ours = keyFromSeed(text(theirs.getSeed()));
      assert.equal(ours.getPublicKey(), theirs.getPublicKey());
      assert.equal(text(ours.getSeed()), text(theirs.getSeed()));
    }),
    { numRuns: 20 },
  );
});

test("the nkeys package reads a seed made here and verifies its signature", () => {
  for (const kind of ["operator", "account", "user"] as const) {
    const ours = createKey(kind);
    const theirs = nkeys.fromSeed(ours.getSeed());
    const message = Buffer.from("a message");
    assert.equal(theirs.getPublicKey(), ours.getPublicKey());
    assert.ok(theirs.verify(message, ours.sign(message)));
    assert.ok(ours.verify(message, theirs.sign(message)));
    assert.equal(ours.verify(Buffer.from("another"), theirs.sign(message)), false);
  }
});

test("a damaged seed is refused", () => {
  const seed = text(createKey("account").getSeed());
  const other = seed.endsWith("A") ? "B" : "A";
  assert.throws(() => keyFromSeed(`${seed.slice(0, 20)}${seed[20] === "A" ? "B" : "A"}${seed.slice(21)}`));
  assert.throws(() => keyFromSeed(seed.slice(0, -2) + other));
  assert.throws(() => keyFromSeed("not a seed"));
});
