import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { deriveKeys } from "./keys.ts";
import { seal, sealedPrefix, unseal } from "./seal.ts";

const identity = deriveKeys(Buffer.alloc(32, 7), false);
const secret = Buffer.from("opensesame ü");

async function refuses(sealed: string, of: string, reason: RegExp): Promise<void> {
  await assert.rejects(identity.unseal(sealed, of), (error) => {
    assert.ok(isUmecError(error, "SEALED_NOT_OURS"));
    assert.match(error.message, reason);
    assert.ok(!error.message.includes("opensesame"));
    return true;
  });
}

test("what is sealed to a node it opens under the same name, and no text is like another", async () => {
  const sealed = await seal(identity.keys.seal, secret, "camera/password");
  assert.match(sealed, /^umec-sealed-1\.[A-Za-z0-9_-]+$/);
  assert.equal(Buffer.from(sealed.slice(sealedPrefix.length), "base64url").length, 32 + secret.length + 16);
  assert.deepEqual(Buffer.from(await identity.unseal(sealed, "camera/password")), secret);
  assert.deepEqual(Buffer.from(await identity.unseal(`${sealed}\n`, "camera/password")), secret);
  assert.notEqual(await seal(identity.keys.seal, secret, "camera/password"), sealed);
  const empty = await seal(identity.keys.seal, Buffer.alloc(0), "");
  assert.equal((await identity.unseal(empty, "")).length, 0);
});

test("another node, another name or a changed byte opens nothing", async () => {
  const other = deriveKeys(Buffer.alloc(32, 8), false);
  await refuses(
    await seal(other.keys.seal, secret, "a"),
    "a",
    /for another node, for another name, or damaged/,
  );
  const sealed = await seal(identity.keys.seal, secret, "a");
  await refuses(sealed, "b", /"b" can't be opened: it is for another/);
  const bytes = Buffer.from(sealed.slice(sealedPrefix.length), "base64url");
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    await refuses(sealedPrefix + damaged.toString("base64url"), "a", /can't be opened/);
  }
});

test("what is no sealed text is told from one", async () => {
  await refuses("opensesame", "a", /does not begin with umec-sealed-1/);
  await refuses(`${sealedPrefix}${"A".repeat(40)}`, "a", /a part of it is missing/);
  await refuses(`${sealedPrefix}${"A".repeat(80)}=`, "a", /not in base64url/);
  // X25519 with a point of small order gives zeros, which RFC 9180 section 7.1.4 refuses.
  await refuses(`${sealedPrefix}${"A".repeat(80)}`, "a", /for another node/);
});

test("a key to seal to must be one", async () => {
  for (const key of ["", "abc", `${identity.keys.seal}=`, identity.keys.link]) {
    await assert.rejects(seal(key, secret, "a"), (error) => isUmecError(error, "SEAL_KEY_INVALID"));
  }
});

/** RFC 9180 has no vector for this suite with X25519; the keys below are of its appendix A.1.1. */
test("a private key's public half is that of RFC 9180", async () => {
  const raw = "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8";
  const head = Buffer.from("302e020100300506032b656e04220420", "hex");
  const der = Buffer.concat([head, Buffer.from(raw, "hex")]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = Buffer.from("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d", "hex");
  const sealed = await seal(publicKey.toString("base64url"), secret, "x");
  assert.deepEqual(Buffer.from(await unseal(key, sealed, "x")), secret);
  const { privateKey } = generateKeyPairSync("x25519");
  await assert.rejects(unseal(privateKey, sealed, "x"), (error) => isUmecError(error, "SEALED_NOT_OURS"));
});
