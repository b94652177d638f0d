/**
 * Texts that one node alone can open: HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
 * AES-256-GCM, single-shot.
 *
 * A sealed text is `umec-sealed-1.` and base64url of `enc` (32 bytes) and the ciphertext with its tag. HPKE's `info` is
 * `umec secret`, a line feed and the name that it was sealed under: a text sealed as one secret does not open as
 * another. Whoever knows a node's public key can seal to it, so that a text opens says nothing of who made it.
 */
import { createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import type { CipherSuite } from "hpke";
import { UmecError } from "../errors.ts";

export const sealedPrefix = "umec-sealed-1.";
const encBytes = 32;
const tagBytes = 16;

/**
 * Seals `plaintext` so that only the node with this key can open it, and only under the name `of`.
 *
 * @param publicKey `keys.seal` of the node: 32 bytes as base64url
 * @throws UmecError `SEAL_KEY_INVALID`
 */
export async function seal(publicKey: string, plaintext: Uint8Array, of: string): Promise<string> {
  const suite = await loadSuite();
  const { encapsulatedSecret, ciphertext } = await suite.Seal(await importKey(publicKey), plaintext, {
    info: infoOf(of),
  });
  return sealedPrefix + Buffer.concat([encapsulatedSecret, ciphertext]).toString("base64url");
}

/**
 * Opens what {@link seal} made for the public half of `key`.
 *
 * @param key an X25519 private key
 * @throws UmecError `SEALED_NOT_OURS` when it is no sealed text, for another key, of another name, or damaged
 */
export async function unseal(key: KeyObject, sealed: string, of: string): Promise<Uint8Array> {
  const bytes = parseSealed(sealed, of);
  const suite = await loadSuite();
  const pair = {
    privateKey: key.toCryptoKey("X25519", false, ["deriveBits"]),
    publicKey: createPublicKey(key).toCryptoKey("X25519", true, []),
  };
  try {
    const [enc, ciphertext] = [bytes.subarray(0, encBytes), bytes.subarray(encBytes)];
    return await suite.Open(pair, enc, ciphertext, { info: infoOf(of) });
  } catch (cause) {
    throw notOurs(of, "it is for another node, for another name, or damaged", cause);
  }
}

function parseSealed(sealed: string, of: string): Buffer {
  const text = sealed.trim();
  if (!text.startsWith(sealedPrefix)) throw notOurs(of, `it does not begin with ${sealedPrefix}`);
  const body = text.slice(sealedPrefix.length);
  const bytes = Buffer.from(body, "base64url");
  // Buffer passes over what is no base64url.
  if (bytes.toString("base64url") !== body) throw notOurs(of, "it is not in base64url");
  if (bytes.length < encBytes + tagBytes) throw notOurs(of, "a part of it is missing");
  return bytes;
}

function notOurs(of: string, reason: string, cause?: unknown): UmecError {
  return new UmecError(
    "SEALED_NOT_OURS",
    `the sealed text of ${JSON.stringify(of)} can't be opened: ${reason}`,
    {
      cause,
      hint: "seal it anew to this node's present key, under this name",
    },
  );
}

async function importKey(publicKey: string): Promise<webcrypto.CryptoKey> {
  const x = Buffer.from(publicKey, "base64url");
  if (x.length !== 32 || x.toString("base64url") !== publicKey) {
    throw new UmecError("SEAL_KEY_INVALID", `${JSON.stringify(publicKey)} is no key to seal to`, {
      hint: "it is 32 bytes in base64url: `identity.keys.seal` in `umec status --json`",
    });
  }
  const jwk = { kty: "OKP", crv: "X25519", x: publicKey };
  return createPublicKey({ key: jwk, format: "jwk" }).toCryptoKey("X25519", true, []);
}

function infoOf(of: string): Uint8Array {
  return Buffer.from(`umec secret\n${of}`);
}

/** Most runs of the program seal nothing. */
async function loadSuite(): Promise<CipherSuite> {
  const { createSuite } = await import("./hpke-suite.ts");
  return createSuite();
}
