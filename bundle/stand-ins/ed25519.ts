/**
 * `tweetnacl` on Node's own Ed25519 (RFC 8032), as far as `@nats-io/nkeys` uses it for keys that sign: the same
 * names, the same lengths, the same bytes. Key pair and signature take 0.3 ms instead of 9 on an x86-64 VM.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from "node:crypto";

const seedBytes = 32;
const publicBytes = 32;
const signatureBytes = 64;

/** PKCS #8 and SPKI (RFC 8410) around the bare bytes of a key. */
const privateHead = Buffer.from("302e020100300506032b657004220420", "hex");
const publicHead = Buffer.from("302a300506032b6570032100", "hex");

function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([privateHead, seed]), format: "der", type: "pkcs8" });
}

function publicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicHead, bytes]), format: "der", type: "spki" });
}

function fromSeed(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
  if (seed.length !== seedBytes) throw new Error("bad seed size");
  const der = createPublicKey(privateKey(seed)).export({ format: "der", type: "spki" });
  const bytes = new Uint8Array(der.subarray(publicHead.length));
  const secretKey = new Uint8Array(seedBytes + publicBytes);
  secretKey.set(seed);
  secretKey.set(bytes, seedBytes);
  return { publicKey: bytes, secretKey };
}

/** `secretKey` is the seed and, behind it, the public key. */
function detached(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  if (secretKey.length !== seedBytes + publicBytes) throw new Error("bad secret key size");
  return new Uint8Array(sign(null, message, privateKey(secretKey.subarray(0, seedBytes))));
}

detached.verify = (message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean => {
  if (signature.length !== signatureBytes) throw new Error("bad signature size");
  if (key.length !== publicBytes) throw new Error("bad public key size");
  return verify(null, message, publicKey(key), signature);
};

export default {
  randomBytes: (length: number) => new Uint8Array(randomBytes(length)),
  sign: { detached, keyPair: { fromSeed } },
};
