/**
 * The text of the seed's file: JSON, one line.
 *
 * - Plain: `{ "version": 1, "link": "U…", "seed": "…" }`.
 * - Sealed: `{ "version": 1, "link": "U…", "sealed": { "cipher": "aes-256-gcm", "iv": "…", "data": "…" } }`. `data` is
 *   the seed's 32 bytes encrypted by the key-encryption key, and the tag's 16; `iv` is 12 random bytes, anew for each
 *   writing; the additional data is `umec-seed-1`, a line feed and `link`.
 *
 * Bytes are base64url. `link` is the public key that comes of the seed: a plain seed of which one bit has changed would
 * else be another node's. A version that can't read the file leaves it alone.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { UmecError } from "../errors.ts";

export interface StoredSeed {
  seed: Buffer;
  /** The public key that the seed must come to. */
  link: string;
  sealed: boolean;
}

export const seedBytes = 32;
const cipher = "aes-256-gcm";
const ivBytes = 12;
const tagBytes = 16;

/** @param kek 32 bytes; without it the seed is written as it is */
export function formatSeed(seed: Uint8Array, link: string, kek: Uint8Array | undefined): string {
  if (!kek) return `${JSON.stringify({ version: 1, link, seed: base64url(seed) })}\n`;
  const iv = randomBytes(ivBytes);
  const encryption = createCipheriv(cipher, kek, iv, { authTagLength: tagBytes }).setAAD(additional(link));
  const data = Buffer.concat([encryption.update(seed), encryption.final(), encryption.getAuthTag()]);
  const sealed = { cipher, iv: base64url(iv), data: base64url(data) };
  return `${JSON.stringify({ version: 1, link, sealed })}\n`;
}

/**
 * @param path for the messages
 * @throws UmecError `IDENTITY_DAMAGED`; `IDENTITY_VERSION` of a later version; `IDENTITY_SEALED` when there is no key for
 * it, or another one
 */
export function parseSeed(text: string, path: string, kek: Uint8Array | undefined): StoredSeed {
  // What stands in the file is in no message: it may be the seed.
  let file: { version?: unknown; link?: unknown; seed?: unknown; sealed?: Record<string, unknown> };
  try {
    file = JSON.parse(text) ?? {};
  } catch {
    throw damaged(path, text.length === 0 ? "it is empty" : "it is no JSON");
  }
  const { version, link, sealed } = file;
  if (typeof version === "number" && version > 1) {
    throw new UmecError(
      "IDENTITY_VERSION",
      `${path} is of a later version (${version}) than this program knows (1)`,
      {
        hint: "start the program that wrote it",
      },
    );
  }
  if (version !== 1 || typeof link !== "string") throw damaged(path, "it lacks version or link");
  if (sealed === undefined) return { seed: bytesOf(file.seed, seedBytes, path, "seed"), link, sealed: false };
  if (sealed?.cipher !== cipher) throw damaged(path, "it is sealed by an unknown cipher");
  const iv = bytesOf(sealed.iv, ivBytes, path, "iv");
  const data = bytesOf(sealed.data, seedBytes + tagBytes, path, "data");
  return { seed: open(iv, data, link, path, kek), link, sealed: true };
}

export function damaged(path: string, reason: string): UmecError {
  return new UmecError("IDENTITY_DAMAGED", `${path} is damaged: ${reason}`, {
    hint:
      "put it back from a copy; or move it away: the node then makes new keys, and the hub must be told with " +
      "`umec hub replace`",
  });
}

function open(iv: Buffer, data: Buffer, link: string, path: string, kek: Uint8Array | undefined): Buffer {
  if (!kek) {
    throw new UmecError("IDENTITY_SEALED", `${path} is sealed, and its key is not there`, {
      hint: "the service manager hands it over as the credential umec-kek: did the board or its security chip change?",
    });
  }
  const decryption = createDecipheriv(cipher, kek, iv, { authTagLength: tagBytes });
  decryption.setAAD(additional(link)).setAuthTag(data.subarray(seedBytes));
  try {
    return Buffer.concat([decryption.update(data.subarray(0, seedBytes)), decryption.final()]);
  } catch {
    throw new UmecError(
      "IDENTITY_SEALED",
      `${path} can't be opened: it was sealed by another key, or is damaged`,
      {
        hint: "is this the board that it was made on? If so, put the file back from a copy",
      },
    );
  }
}

function bytesOf(text: unknown, length: number, path: string, of: string): Buffer {
  const bytes = typeof text === "string" ? Buffer.from(text, "base64url") : Buffer.alloc(0);
  if (bytes.length !== length || base64url(bytes) !== text)
    throw damaged(path, `${of} is not ${length} bytes`);
  return bytes;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function additional(link: string): Buffer {
  return Buffer.from(`umec-seed-1\n${link}`);
}
