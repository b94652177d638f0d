/** One question of a node that has a token, and what comes of the answer; by the link or in files that somebody carries. */
import { readFile } from "node:fs/promises";
import {
  askEnrolment,
  askRenewal,
  type EnrolQuestion,
  type Envelope,
  newNonce,
  openAnswer,
  parseToken,
  type Refusal,
  type RenewAnswer,
  type Token,
} from "../enrol-wire.ts";
import { UmecError } from "../errors.ts";
import type { NodeIdentity } from "../identity/types.ts";
import { version } from "../version.ts";
import type { StoredClaims } from "./claims-file.ts";

export interface Asked {
  envelope: Envelope;
  nonce: string;
}

/** @throws UmecError `TOKEN_INVALID`, `TOKEN_NODE` when it is another node's */
export function readToken(text: string, node: string): Token {
  const token = parseToken(text);
  if (token.node === node) return token;
  throw new UmecError("TOKEN_NODE", `the token is for ${token.node}, and this node is ${node}`, {
    hint: `make one for this node: umec hub token --name ${node}`,
  });
}

export async function askWith(token: Token, identity: NodeIdentity): Promise<Asked> {
  const nonce = newNonce();
  const hardware = await readHardware();
  const question: EnrolQuestion = {
    version: 1,
    node: token.node,
    token: token.id,
    keys: identity.keys,
    nonce,
    umec: version,
    ...(Object.keys(hardware).length > 0 && { hardware }),
  };
  return { envelope: askEnrolment(question, token, identity), nonce };
}

/**
 * What the hub answered: a refusal, or claims, with the rest of the answer pending.
 *
 * @throws UmecError `ANSWER_INVALID`
 */
export function takeAnswer(
  text: string,
  nonce: string,
  token: Token,
  { keys }: NodeIdentity,
): StoredClaims | Refusal {
  const answer = openAnswer(text, nonce, token);
  if ("refused" in answer) return answer;
  const { node, jwt, renewAtMs, expiresAtMs, timeMs, hub, target } = answer;
  if (node !== token.node) throw invalid(`is for ${node}, not for ${token.node}`);
  checkClaims(jwt, keys.link, renewAtMs, expiresAtMs);
  const pending = { ...(hub && { hub }), ...(target && { target }) };
  return {
    ...{ version: 1, node, link: keys.link, jwt, renewAtMs, expiresAtMs, timeMs },
    token: token.id,
    pending,
  };
}

export function askForRenewal(node: string, identity: NodeIdentity): Envelope {
  return askRenewal({ version: 1, node, keys: identity.keys, nonce: newNonce() }, identity);
}

/** As {@link takeAnswer}, for an answer that came over the node's own link. */
export function takeRenewal(text: string, { keys }: NodeIdentity): RenewAnswer | Refusal {
  let answer: RenewAnswer | Refusal;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw invalid("is no JSON", cause);
  }
  if ("refused" in answer) return answer;
  checkClaims(answer.jwt, keys.link, answer.renewAtMs, answer.expiresAtMs);
  return answer;
}

/** Whether the hub has signed it is the hub's matter; that it is for this node's key is ours, as no other can be used. */
function checkClaims(jwt: unknown, link: string, renewAtMs: number, expiresAtMs: number): void {
  let subject: unknown;
  try {
    subject = JSON.parse(Buffer.from(String(jwt).split(".")[1] ?? "", "base64url").toString()).sub;
  } catch (cause) {
    throw invalid("has no claims that can be read", cause);
  }
  if (subject !== link) throw invalid(`has claims of ${String(subject)}, not of this node's key`);
  if (!(renewAtMs <= expiresAtMs)) throw invalid("does not say until when its claims hold");
}

function invalid(reason: string, cause?: unknown): UmecError {
  return new UmecError("ANSWER_INVALID", `the hub's answer ${reason}`, {
    cause,
    hint: "is the hub of a version that goes with this node's?",
  });
}

/** As the board's device tree says it; nothing on other machines. */
async function readHardware(): Promise<{ model?: string; serial?: string }> {
  const read = async (name: string) =>
    (await readFile(`/proc/device-tree/${name}`, "utf8").catch(() => "")).replace(/\0/g, "").trim();
  const [model, serial] = await Promise.all([read("model"), read("serial-number")]);
  return { ...(model && { model }), ...(serial && { serial }) };
}
