/**
 * Enrolment: how a node with a token becomes a node that the hub knows, in one question and one answer. The same two
 * texts go over the link, or in files that somebody carries.
 *
 * - **The token** is `umec-token-1.` and base64url of JSON: a name, an id, a secret, and credentials of a user who may
 *   ask `enrol.<id>` and nothing else. It may be read by whoever holds the card, so it is good for one node, once, and
 *   for a time.
 * - **The question** is JSON `{ body, proof, link, sign }`. `body` is the JSON text of {@link EnrolQuestion}. `proof` is
 *   HMAC-SHA256 by the token's secret over `umec-enrol-1\n` and `body`: the secret itself does not travel. `link` and
 *   `sign` are signatures of the same bytes by the two keys that the node has made: it holds what it names.
 * - **The answer** is JSON `{ body, proof }`, proof over `umec-enrolled-1\n`, the question's `nonce`, `\n` and `body`: it
 *   is from who made the token, and to this question.
 * - **Asked again** with the same keys the answer is the same, however often: whatever is lost on the way, or to a power
 *   cut, the node asks again. With other keys the token is spent.
 *
 * A user's claims end. Before they do the node asks `hub.renew.<node>` in its own account, `{ body, link, sign }` over
 * `umec-renew-1\n` and `body`; the answer is the JSON text of {@link RenewAnswer}.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { UmecError } from "./errors.ts";
import type { NodeIdentity, PublicKeys } from "./identity/types.ts";

export interface Token {
  node: string;
  /** 16 hexadecimal digits. */
  id: string;
  /** 32 bytes as base64url. */
  secret: string;
  /** Text of a credentials file for the hub's account ENROL. */
  creds: string;
  issuedAtMs: number;
  expiresAtMs: number;
}

export interface EnrolQuestion {
  version: 1;
  node: string;
  /** The token's id. */
  token: string;
  keys: PublicKeys;
  /** 16 random bytes as base64url, anew for each question. */
  nonce: string;
  /** Of this program. */
  umec: string;
  hardware?: { model?: string; serial?: string };
}

export interface EnrolAnswer {
  version: 1;
  node: string;
  /** Claims of the node's user, to be used with its own link key. */
  jwt: string;
  renewAtMs: number;
  expiresAtMs: number;
  /** The hub's time when it answered. */
  timeMs: number;
  /** Where to link, if the card did not say. */
  hub?: { urls?: string[]; ca?: string };
  /** Keys of node.yaml, to begin with. */
  target?: Record<string, unknown>;
}

export interface Refusal {
  version: 1;
  refused: { code: RefusalCode; text: string };
}

export type RefusalCode =
  | "TOKEN_UNKNOWN"
  | "TOKEN_EXPIRED"
  | "TOKEN_SPENT"
  | "TOKEN_PROOF"
  | "NODE_TAKEN"
  | "QUESTION_INVALID"
  | "NODE_REVOKED";

export interface RenewQuestion {
  version: 1;
  node: string;
  keys: PublicKeys;
  nonce: string;
}

export interface RenewAnswer {
  version: 1;
  jwt: string;
  renewAtMs: number;
  expiresAtMs: number;
  timeMs: number;
  /** The CAs by which the node is to know its hub from now on, PEM: two of them while the hub changes its own. */
  ca?: string;
}

/** A question as it travels. */
export interface Envelope {
  body: string;
  /** base64url, as all three. */
  proof?: string;
  link: string;
  sign: string;
}

export const tokenPrefix = "umec-token-1.";
const enrolHead = "umec-enrol-1\n";
const enrolledHead = "umec-enrolled-1\n";
const renewHead = "umec-renew-1\n";

export function enrolSubject(tokenId: string): string {
  return `enrol.${tokenId}`;
}

/** What the node calls the hub's `renew.<node>`. */
export function renewSubject(node: string): string {
  return `hub.renew.${node}`;
}

export function formatToken(token: Token): string {
  const { node, id, secret, creds, issuedAtMs, expiresAtMs } = token;
  const json = JSON.stringify({ node, id, secret, creds, issuedAtMs, expiresAtMs });
  return tokenPrefix + Buffer.from(json).toString("base64url");
}

/** @throws UmecError `TOKEN_INVALID` */
export function parseToken(text: string): Token {
  const trimmed = text.trim();
  try {
    if (!trimmed.startsWith(tokenPrefix)) throw new Error();
    const token = JSON.parse(Buffer.from(trimmed.slice(tokenPrefix.length), "base64url").toString());
    const texts = [token.node, token.id, token.secret, token.creds].every((one) => typeof one === "string");
    if (!texts || !Number.isFinite(token.issuedAtMs) || !Number.isFinite(token.expiresAtMs))
      throw new Error();
    return token;
  } catch {
    // Nothing of it is shown: it is a secret.
    throw new UmecError("TOKEN_INVALID", "this is no token for enrolment, or a part of one", {
      hint: "make one with `umec hub token`, and copy all of it",
    });
  }
}

export function newNonce(): string {
  return randomBytes(16).toString("base64url");
}

/** The node's question, signed and proven. */
export function askEnrolment(question: EnrolQuestion, token: Token, identity: NodeIdentity): Envelope {
  const body = JSON.stringify(question);
  const bytes = Buffer.from(enrolHead + body);
  return { body, proof: mac(token.secret, bytes), ...signed(bytes, identity) };
}

/** The bytes that an envelope's proof and signatures are over. */
export function questionBytes(envelope: Envelope, kind: "enrol" | "renew"): Buffer {
  return Buffer.from((kind === "enrol" ? enrolHead : renewHead) + envelope.body);
}

export function askRenewal(question: RenewQuestion, identity: NodeIdentity): Envelope {
  const body = JSON.stringify(question);
  return { body, ...signed(Buffer.from(renewHead + body), identity) };
}

/** Whether who asked holds the token's secret. */
export function isProven(envelope: Envelope, secret: string): boolean {
  return isSame(envelope.proof, mac(secret, questionBytes(envelope, "enrol")));
}

/** The hub's answer as it travels. */
export function sealAnswer(answer: EnrolAnswer | Refusal, nonce: string, secret: string): string {
  const body = JSON.stringify(answer);
  return JSON.stringify({ body, proof: mac(secret, Buffer.from(`${enrolledHead}${nonce}\n${body}`)) });
}

/**
 * What the hub answered to the question with this nonce.
 *
 * @throws UmecError `ANSWER_INVALID` when it is not from who made the token, or to another question
 */
export function openAnswer(text: string, nonce: string, token: Token): EnrolAnswer | Refusal {
  const wrong = (reason: string, cause?: unknown) =>
    new UmecError("ANSWER_INVALID", `the answer to the enrolment ${reason}`, {
      cause,
      hint: "does the token come from this hub?",
    });
  let parsed: { body?: unknown; proof?: unknown };
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw wrong("is no JSON", cause);
  }
  const { body, proof } = parsed ?? {};
  if (typeof body !== "string") throw wrong("has no body");
  const expected = mac(token.secret, Buffer.from(`${enrolledHead}${nonce}\n${body}`));
  if (!isSame(proof, expected))
    throw wrong("is not proven: it is from somebody else, or to another question");
  return JSON.parse(body);
}

function signed(bytes: Uint8Array, identity: NodeIdentity): { link: string; sign: string } {
  return {
    link: Buffer.from(identity.link.sign(bytes)).toString("base64url"),
    sign: Buffer.from(identity.sign(bytes)).toString("base64url"),
  };
}

function mac(secret: string, bytes: Uint8Array): string {
  return createHmac("sha256", Buffer.from(secret, "base64url")).update(bytes).digest("base64url");
}

function isSame(given: unknown, expected: string): boolean {
  if (typeof given !== "string") return false;
  const [a, b] = [Buffer.from(given, "base64url"), Buffer.from(expected, "base64url")];
  return a.length === b.length && timingSafeEqual(a, b);
}
