import type { KeyPair } from "@nats-io/nkeys";

/** What of a node's keys others may know. The texts of the last two are 32 bytes as base64url. */
export interface PublicKeys {
  /** nkey of the node's user at the hub, `U…`. */
  link: string;
  /** Ed25519 (RFC 8032): signs frames and requests. */
  sign: string;
  /** X25519 (RFC 7748): what is sealed to it only the node can open. */
  seal: string;
}

/** What the node says of its keys. */
export interface IdentityStatus {
  /** Absent while they can't be read. */
  keys?: PublicKeys;
  /** The seed on disk is sealed by this board's security chip. */
  bound: boolean;
  /** Why they can't be read. */
  fault?: { code: string; message: string };
}

/** A node's own keys. What is secret in them has no name here and is in no log. */
export interface NodeIdentity {
  readonly keys: PublicKeys;
  /** Proves at the hub who links; only for nats-server's challenge. */
  readonly link: KeyPair;
  /** Ed25519 signature, 64 bytes, by `keys.sign`. */
  sign(message: Uint8Array): Uint8Array;
  /** The text that somebody sealed to `keys.seal` under the name `of`. @throws UmecError `SEALED_NOT_OURS` */
  unseal(sealed: string, of: string): Promise<Uint8Array>;
  /** Whether the seed on disk can be read by this board's security chip alone. */
  readonly bound: boolean;
}
