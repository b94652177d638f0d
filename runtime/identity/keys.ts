/**
 * The three keys that come of one seed: HKDF-SHA256 (RFC 5869) without salt, 32 bytes each, with the infos `umec link`,
 * `umec sign` and `umec seal`. None of them tells another, nor the seed.
 */
import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign } from "node:crypto";
import type { KeyPair } from "@nats-io/nkeys";
import { keyFromBytes } from "../nats/keys.ts";
import { unseal } from "./seal.ts";
import type { NodeIdentity, PublicKeys } from "./types.ts";

/** DER of PKCS #8 up to the 32 bytes of the private key (RFC 8410). */
const pkcs8Heads = {
  ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
  x25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
};

/** The keys of a seed of 32 bytes. The seed itself is not kept. */
export function deriveKeys(seed: Uint8Array, bound: boolean): NodeIdentity {
  return new DerivedKeys(seed, bound);
}

/** Secrets are in private fields alone, which neither `inspect` nor `JSON.stringify` shows. */
class DerivedKeys implements NodeIdentity {
  readonly keys: PublicKeys;
  readonly bound: boolean;
  readonly #link: KeyPair;
  readonly #sign: KeyObject;
  readonly #seal: KeyObject;

  constructor(seed: Uint8Array, bound: boolean) {
    this.bound = bound;
    this.#link = keyFromBytes("user", derive(seed, "umec link"));
    this.#sign = privateKey("ed25519", derive(seed, "umec sign"));
    this.#seal = privateKey("x25519", derive(seed, "umec seal"));
    this.keys = {
      link: this.#link.getPublicKey(),
      sign: publicText(this.#sign),
      seal: publicText(this.#seal),
    };
  }

  get link(): KeyPair {
    return this.#link;
  }

  sign(message: Uint8Array): Uint8Array {
    return sign(null, message, this.#sign);
  }

  unseal(sealed: string, of: string): Promise<Uint8Array> {
    return unseal(this.#seal, sealed, of);
  }
}

function derive(seed: Uint8Array, info: string): Buffer {
  return Buffer.from(hkdfSync("sha256", seed, new Uint8Array(0), info, 32));
}

function privateKey(kind: keyof typeof pkcs8Heads, bytes: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Heads[kind], bytes]), format: "der", type: "pkcs8" });
}

function publicText(key: KeyObject): string {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32).toString("base64url");
}
