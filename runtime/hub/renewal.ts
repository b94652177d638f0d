import { readFile } from "node:fs/promises";
import type { Refusal, RefusalCode, RenewAnswer } from "../enrol-wire.ts";
import { type EnrolDesk, renewAtMs, signClaims } from "./desk.ts";
import { readRenewQuestion, signatureProblem } from "./question.ts";
import { sameKeys } from "./registry.ts";

export interface Renewed {
  answer: RenewAnswer | Refusal;
  refused?: { code: RefusalCode; text: string };
}

/**
 * Answers the node that asked in its own account for claims that hold longer.
 *
 * Asked more often than the claims need it, it signs them for the time that they have anyway: so a node that asks without end
 * costs no writing.
 *
 * @param name by whose account it came
 * @throws UnreadableQuestion when there is nothing to answer to
 */
export async function renew(desk: EnrolDesk, name: string, text: string): Promise<Renewed> {
  const read = readRenewQuestion(text);
  const { node: said, keys } = read.question;
  const problem = said === name ? signatureProblem(read, "renew") : "the question names another node";
  if (problem !== undefined) return refuse("QUESTION_INVALID", problem);
  const node = desk.registry.nodes.get(name);
  if (node?.state === "revoked") return refuse("NODE_REVOKED", `${name} was revoked`);
  if (!node || !sameKeys(node.keys, keys))
    return refuse("NODE_REVOKED", `${name} is not enrolled with these keys`);
  const atMs = desk.now();
  // Half of the way to its renewal: a node may be early, its clock need not be ours.
  if (atMs >= (node.renewedAtMs + renewAtMs(node)) / 2 || atMs < node.renewedAtMs) {
    desk.registry.setNode(name, { ...node, renewedAtMs: atMs, expiresAtMs: atMs + desk.validMs });
  }
  await desk.registry.save();
  const ca = desk.caFile === undefined ? undefined : await readFile(desk.caFile, "utf8");
  return { answer: { version: 1, ...(await signClaims(desk, name)), ...(ca !== undefined && { ca }) } };
}

function refuse(code: RefusalCode, text: string): Renewed {
  return { answer: { version: 1, refused: { code, text } }, refused: { code, text } };
}
