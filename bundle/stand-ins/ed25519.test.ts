import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { test } from "node:test";
import ed25519 from "./ed25519.ts";

/** What it stands for, which only `@nats-io/nkeys` brings. */
const nacl = createRequire(import.meta.resolve("@nats-io/nkeys"))("tweetnacl") as typeof ed25519;

test("keys and signatures are tweetnacl's, byte for byte, and each takes the other's", () => {
  for (let length = 0; length < 20; length++) {
    const seed = new Uint8Array(randomBytes(32));
    const message = new Uint8Array(randomBytes(length * 7));
    const [ours, theirs] = [ed25519, nacl].map(({ sign }) => {
      const pair = sign.keyPair.fromSeed(seed);
      return { pair, signature: sign.detached(message, pair.secretKey) };
    });
    assert.deepEqual(ours, theirs);
    const { pair, signature } = ours!;
    const damaged = signature.slice();
    damaged[length]! ^= 1;
    for (const { sign } of [ed25519, nacl]) {
      assert.equal(sign.detached.verify(message, signature, pair.publicKey), true);
      assert.equal(sign.detached.verify(message, damaged, pair.publicKey), false);
    }
  }
});

test("RFC 8032, section 7.1, test 2", () => {
  const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
  const { publicKey, secretKey } = ed25519.sign.keyPair.fromSeed(
    hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
  );
  assert.deepEqual(publicKey, hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
  assert.deepEqual(
    ed25519.sign.detached(hex("72"), secretKey),
    hex(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
  );
});

test("wrong lengths are refused with tweetnacl's words", () => {
  const bytes = (length: number) => new Uint8Array(length);
  const calls: [message: string, call: (library: typeof ed25519) => unknown][] = [
    ["bad seed size", ({ sign }) => sign.keyPair.fromSeed(bytes(31))],
    ["bad secret key size", ({ sign }) => sign.detached(bytes(1), bytes(32))],
    ["bad signature size", ({ sign }) => sign.detached.verify(bytes(1), bytes(63), bytes(32))],
    ["bad public key size", ({ sign }) => sign.detached.verify(bytes(1), bytes(64), bytes(33))],
  ];
  for (const [message, call] of calls)
    for (const library of [nacl, ed25519]) assert.throws(() => call(library), { message });
});

test("random bytes have the length asked for, and are no view of a larger buffer", () => {
  const seed = ed25519.randomBytes(32);
  assert.equal(seed.length, 32);
  assert.equal(seed.buffer.byteLength, 32);
  assert.notDeepEqual(seed, ed25519.randomBytes(32));
});
