/**
 * The signature of a frame: that this node made it, for this chain, with these rows, and that nobody has changed it.
 *
 * Header `Umec-Signature`: 64 bytes as base64url, Ed25519 (RFC 8032) by the node's `keys.sign` over
 *
 *     umec-frame-1 ⏎ <the chain's subject> ⏎ <the text of the header Umec-Frame> ⏎ <SHA-256 of the payload, 32 bytes>
 *
 * where ⏎ is one line feed.
 *
 * - **What it binds.** The subject says node, plugin, lane and whether it is backlog; the header says store and rows. So
 *   a frame can't be told on another chain, nor as other rows, nor with another payload. The same frame stored twice on
 *   its own chain is found by its rows (../docs/decisions/0002-chains-instead-of-deduplication.md).
 * - **A repeated frame is the same frame**: Ed25519 has no randomness, so what a node sends again after a lost
 *   acknowledgement has the same bytes and the same signature.
 * - **The digest**, not the payload itself, is signed: Ed25519 hashes its message twice, by SHA-512, which small boards
 *   have no instructions for, as they have for SHA-256.
 * - **The first line** keeps frames apart from all else that the key signs (enrol-wire.ts).
 * - Without a crash story: nothing of it is on the node's disk. A frame is signed when it is sent.
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

export const signatureHeaderName = "Umec-Signature";

/** What a signature is of. */
export interface SignedFrame {
  subject: string;
  /** Text of the header `Umec-Frame`. */
  header: string;
  payload: Uint8Array;
}

/** @param sign Ed25519 by the node's key: 64 bytes @returns the header's text */
export function signFrame(frame: SignedFrame, sign: (message: Uint8Array) => Uint8Array): string {
  return Buffer.from(sign(messageOf(frame))).toString("base64url");
}

/** Whether `signature`, a header's text, is of this frame and by this key. A text that is none is no error. */
export function isSignedBy(frame: SignedFrame, signature: string, key: KeyObject): boolean {
  const bytes = Buffer.from(signature, "base64url");
  return bytes.length === 64 && verify(null, messageOf(frame), key, bytes);
}

/** @param text 32 bytes as base64url @returns `undefined` when it is no key */
export function signingKey(text: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: text }, format: "jwk" });
  } catch {
    return undefined;
  }
}

function messageOf({ subject, header, payload }: SignedFrame): Uint8Array {
  const digest = createHash("sha256").update(payload).digest();
  return Buffer.concat([Buffer.from(`umec-frame-1\n${subject}\n${header}\n`), digest]);
}
