/** Reading what a node asks: who sent it is not known before its proof and its signatures are checked. */
import { createPublicKey, verify } from "node:crypto";
import { fromPublic } from "@nats-io/nkeys";
import { type EnrolQuestion, type Envelope, questionBytes, type RenewQuestion } from "../enrol-wire.ts";
import { messageOf } from "../errors.ts";
import type { PublicKeys } from "../identity/types.ts";

/** More than any honest question has. */
export const mostQuestionBytes = 16 * 1024;

/** A question that can't be read, so that not even a refusal can be sealed. */
export class UnreadableQuestion extends Error {}

export interface Read<T> {
  envelope: Envelope;
  question: T;
}

/** @throws UnreadableQuestion */
export function readEnrolQuestion(text: string): Read<EnrolQuestion> {
  const read = readQuestion<EnrolQuestion>(text);
  if (!/^[0-9a-f]{16}$/.test(String(read.question.token))) throw new UnreadableQuestion("token is no id");
  return read;
}

/** @throws UnreadableQuestion */
export function readRenewQuestion(text: string): Read<RenewQuestion> {
  return readQuestion<RenewQuestion>(text);
}

function readQuestion<T extends { version: 1; node: string; keys: PublicKeys; nonce: string }>(
  text: string,
): Read<T> {
  if (Buffer.byteLength(text) > mostQuestionBytes)
    throw new UnreadableQuestion(`it has more than ${mostQuestionBytes} bytes`);
  let envelope: Envelope;
  let question: T;
  try {
    envelope = JSON.parse(text);
    if (typeof envelope?.body !== "string") throw new Error("it has no body");
    question = JSON.parse(envelope.body);
  } catch (cause) {
    throw new UnreadableQuestion(messageOf(cause));
  }
  if (question?.version !== 1) throw new UnreadableQuestion("its version is not 1");
  // What is no nonce must not get into what the hub proves.
  if (!/^[A-Za-z0-9_-]{22}$/.test(String(question.nonce))) throw new UnreadableQuestion("nonce is none");
  return { envelope, question };
}

/** What is wrong with the keys or with who signs; `undefined` when nothing is. */
export function signatureProblem(
  { envelope, question: { keys } }: Read<{ keys: PublicKeys }>,
  kind: "enrol" | "renew",
): string | undefined {
  if (!areKeys(keys)) return "keys are not a link, a sign and a seal key";
  const bytes = questionBytes(envelope, kind);
  const [link, sign] = [envelope.link, envelope.sign].map((text) => Buffer.from(String(text), "base64url"));
  try {
    if (!fromPublic(keys.link).verify(bytes, link!)) return "it is not signed by its link key";
    const jwk = { kty: "OKP", crv: "Ed25519", x: keys.sign };
    if (!verify(null, bytes, createPublicKey({ key: jwk, format: "jwk" }), sign!))
      return "it is not signed by its sign key";
  } catch (cause) {
    return `its signatures can't be checked: ${messageOf(cause)}`;
  }
  return undefined;
}

function areKeys(keys: unknown): keys is PublicKeys {
  const { link, sign, seal } = (keys ?? {}) as Record<string, unknown>;
  return /^U[A-Z2-7]{55}$/.test(String(link)) && is32Bytes(sign) && is32Bytes(seal);
}

function is32Bytes(text: unknown): boolean {
  if (typeof text !== "string" || text.length !== 43) return false;
  const bytes = Buffer.from(text, "base64url");
  return bytes.length === 32 && bytes.toString("base64url") === text;
}

/** A text about itself that a node sent, fit for a table and a log. */
export function toldText(text: unknown, most = 128): string | undefined {
  if (typeof text !== "string") return undefined;
  const clean = text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "").trim();
  return clean === "" ? undefined : clean.slice(0, most);
}
