/**
 * nkeys that sign with Node's own Ed25519.
 *
 * The nkeys package computes in JavaScript and derives the key anew for each call: about 20 ms for one JWT on
 * a desktop and several times that on a small board, where a node makes dozens at each start. A key here
 * computes its public half once and signs in well under a millisecond; texts and seeds are the same.
 *
 * Text form: base32 (RFC 4648, without padding) of a prefix byte (two for a seed), 32 bytes of key and a
 * CRC-16/XMODEM of both, low byte first.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { fromPublic, type KeyPair, NKeysError, NKeysErrorCode } from "@nats-io/nkeys";

export type KeyKind = "operator" | "account" | "user";

const prefixes: Record<KeyKind, number> = { operator: 14 << 3, account: 0, user: 20 << 3 };
const seedPrefix = 18 << 3;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** DER of a PKCS #8 Ed25519 key up to the 32 bytes of the seed (RFC 8410). */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

export function createKey(kind: KeyKind): KeyPair {
  return new NodeKey(prefixes[kind], randomBytes(32));
}

/**
 * The key of 32 bytes that were derived from something else.
 *
 * @throws RangeError when they are not 32
 */
export function keyFromBytes(kind: KeyKind, bytes: Uint8Array): KeyPair {
  if (bytes.length !== 32) throw new RangeError(`a key of ${bytes.length} bytes, not 32`);
  return new NodeKey(prefixes[kind], Buffer.from(bytes));
}

/** The key of a seed text (`SO…`, `SA…`, `SU…`). @throws Error when it is none or its checksum is wrong. */
export function keyFromSeed(seed: string): KeyPair {
  const raw = base32Decode(seed);
  const body = raw.subarray(0, -2);
  if (raw.length !== 36 || raw.readUInt16LE(34) !== crc16(body) || (raw[0]! & 0xf8) !== seedPrefix) {
    throw new NKeysError(NKeysErrorCode.InvalidSeed);
  }
  const prefix = ((raw[0]! & 7) << 5) | (raw[1]! >> 3);
  return new NodeKey(prefix, body.subarray(2));
}

class NodeKey implements KeyPair {
  readonly #private: KeyObject;
  readonly #publicText: string;
  readonly #seedText: string;

  constructor(prefix: number, seed: Buffer) {
    this.#private = createPrivateKey({
      key: Buffer.concat([pkcs8Head, seed]),
      format: "der",
      type: "pkcs8",
    });
    const publicKey = createPublicKey(this.#private).export({ format: "der", type: "spki" }).subarray(-32);
    this.#publicText = encode(Buffer.concat([Buffer.of(prefix), publicKey]));
    const head = Buffer.of(seedPrefix | (prefix >> 5), (prefix & 31) << 3);
    this.#seedText = encode(Buffer.concat([head, seed]));
  }

  getPublicKey(): string {
    return this.#publicText;
  }

  getSeed(): Uint8Array {
    return Buffer.from(this.#seedText);
  }

  /** In the form that nothing here reads; the jwt package calls it to see that the key can sign. */
  getPrivateKey(): Uint8Array {
    return this.#private.export({ format: "der", type: "pkcs8" });
  }

  sign(input: Uint8Array): Uint8Array {
    return sign(null, input, this.#private);
  }

  verify(input: Uint8Array, signature: Uint8Array): boolean {
    return fromPublic(this.#publicText).verify(input, signature);
  }

  clear(): void {}

  seal(): Uint8Array {
    throw new NKeysError(NKeysErrorCode.InvalidNKeyOperation);
  }

  open(): null {
    throw new NKeysError(NKeysErrorCode.InvalidNKeyOperation);
  }
}

function encode(body: Buffer): string {
  const check = Buffer.alloc(2);
  check.writeUInt16LE(crc16(body));
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of Buffer.concat([body, check])) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + alphabet[(held << (5 - bits)) & 31] : text;
}

function base32Decode(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    const value = alphabet.indexOf(letter);
    if (value < 0) throw new NKeysError(NKeysErrorCode.InvalidEncoding);
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 255);
  }
  return Buffer.from(bytes);
}

function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}
