/**
 * Judging who asks to be enrolled, and enrolling them. The question comes over the link or in a file; the checks are the same.
 *
 * The order of the checks is a promise too: whoever can't prove the token learns nothing but that, whether the token exists or
 * not; after that the token, then the name, then the keys decide.
 *
 * What happens at a crash: the account's keys are on disk first (or made at the next start, for a node that is in the
 * registry), then the registry, and only then the account is published and the question answered. Before the registry is
 * on disk nothing has happened that anybody saw; after it the node asks again, with the same keys, and is answered.
 */
import {
  type EnrolAnswer,
  type EnrolQuestion,
  isProven,
  type Refusal,
  type RefusalCode,
  sealAnswer,
} from "../enrol-wire.ts";
import type { PublicKeys } from "../identity/types.ts";
import { type EnrolDesk, renewAtMs, signClaims } from "./desk.ts";
import { type Read, readEnrolQuestion, signatureProblem, toldText } from "./question.ts";
import { sameKeys } from "./registry.ts";
import type { IssuedToken, RegisteredNode } from "./registry-file.ts";
import { loadTarget } from "./target-store.ts";

export interface Outcome {
  /** As it travels, proven by the token's secret. */
  answer: string;
  /** The node's name, as the token says it where there is one. */
  node: string;
  token: string;
  refused?: { code: RefusalCode; text: string };
  /** Enrolled just now, and not told again what is so already. */
  fresh?: true;
}

type Verdict =
  | { is: "refused"; code: RefusalCode; text: string }
  | { is: "enrolled" | "new"; token: Readonly<IssuedToken> };

/**
 * Answers one question.
 *
 * @param text an envelope of `enrol-wire.ts`
 * @param askedBy the token's id by whose credentials it came; left out: it came in a file
 * @throws UnreadableQuestion when there is nothing to answer to; whatever keeps the disk or nats-server from their work
 */
export async function enrol(desk: EnrolDesk, text: string, askedBy?: string): Promise<Outcome> {
  const read = readEnrolQuestion(text);
  const { question } = read;
  const id = askedBy ?? question.token;
  const secret = desk.keys.tokenSecret(id);
  const to = { token: id, node: desk.registry.tokens.get(id)?.node ?? String(question.node).slice(0, 63) };
  const proven =
    askedBy !== undefined && askedBy !== question.token
      ? refused("QUESTION_INVALID", "the question names another token than that by which it came")
      : proofVerdict(read, secret);
  const verdict = proven ?? (await take(desk, id, question));
  if (verdict.is === "refused") {
    const { code, text: reason } = verdict;
    const refusal: Refusal = { version: 1, refused: { code, text: reason } };
    return { ...to, answer: sealAnswer(refusal, question.nonce, secret), refused: refusal.refused };
  }
  await desk.registry.save();
  await desk.apply(to.node);
  const { hub, target } = verdict.token;
  const answer: EnrolAnswer = {
    version: 1,
    node: to.node,
    ...(await signClaims(desk, to.node)),
    ...(hub && { hub }),
    ...(target !== undefined && { target: await loadTarget(desk.dir, target) }),
  };
  return {
    ...to,
    answer: sealAnswer(answer, question.nonce, secret),
    ...(verdict.is === "new" && { fresh: true }),
  };
}

function proofVerdict(read: Read<EnrolQuestion>, secret: string): Verdict | undefined {
  if (!isProven(read.envelope, secret))
    return refused("TOKEN_PROOF", "the proof is wrong: the token is not this hub's, or only a part of it");
  const problem = signatureProblem(read, "enrol");
  return problem === undefined ? undefined : refused("QUESTION_INVALID", problem);
}

/** One at a time: what is judged must still be so when the node is entered. */
function take(desk: EnrolDesk, id: string, question: EnrolQuestion): Promise<Verdict> {
  return desk.inTurn(async () => {
    const verdict = judge(desk, id, question);
    if (verdict.is === "refused") return verdict;
    const name = verdict.token.node;
    if (verdict.is === "new") {
      // Whoever had this name with credentials of the hub's making loses it to the node's own keys.
      if (desk.registry.nodes.has(name)) await desk.keys.admit([name]);
      else await desk.keys.admitAnew(name);
      await notBeforeRevoked(desk, name, question.keys);
    }
    enter(desk, id, question, verdict);
    return verdict;
  });
}

function judge({ registry, now }: EnrolDesk, id: string, { node: name, keys }: EnrolQuestion): Verdict {
  const token = registry.tokens.get(id);
  if (!token) return refused("TOKEN_UNKNOWN", `the hub knows no token ${id}: it was withdrawn or forgotten`);
  if (name !== token.node) return refused("QUESTION_INVALID", `the token is for ${token.node}`);
  const node = registry.nodes.get(name);
  const mayReplace = node?.replaceable === true && token.replaces === node.generation;
  if (token.spent && !sameKeys(token.spent.by, keys)) {
    const since = new Date(token.spent.atMs).toISOString();
    return refused("TOKEN_SPENT", `the token was used at ${since} by a board with other keys`);
  }
  if (node?.state === "revoked" && !mayReplace) return refused("NODE_REVOKED", `${name} was revoked`);
  if (node?.state === "enrolled" && sameKeys(node.keys, keys)) return { is: "enrolled", token };
  if (token.spent)
    return refused("NODE_REVOKED", `${name} is other hardware by now: it took the place of this one`);
  if (token.expiresAtMs <= now())
    return refused("TOKEN_EXPIRED", `the token expired at ${new Date(token.expiresAtMs).toISOString()}`);
  if (node && !mayReplace) return refused("NODE_TAKEN", `${name} is enrolled with other keys`);
  const other = registry.nodeOf(keys, name);
  if (other !== undefined)
    return refused("QUESTION_INVALID", `these keys are those of ${other}: was its card copied?`);
  return { is: "new", token };
}

function enter(
  { registry, validMs, now }: EnrolDesk,
  id: string,
  question: EnrolQuestion,
  { is, token }: { is: "enrolled" | "new"; token: Readonly<IssuedToken> },
): void {
  const [name, atMs, { keys }] = [token.node, now(), question];
  if (!token.spent) registry.setToken(id, { ...token, spent: { by: keys, atMs } });
  const before = registry.nodes.get(name);
  const fresh = { renewedAtMs: atMs, expiresAtMs: atMs + validMs };
  if (is === "enrolled" && before) {
    const due = renewAtMs(before) <= atMs;
    // A token that was made for a replacement is used up by the board that was to be replaced.
    const { replaceable, ...same } = before;
    const left = token.spent ? before : same;
    if (due || (replaceable && !token.spent)) registry.setNode(name, { ...left, ...(due && fresh) });
    return;
  }
  registry.setNode(name, {
    state: "enrolled",
    keys,
    generation: (before?.generation ?? 0) + 1,
    enrolledAtMs: atMs,
    ...fresh,
    ...(before ? inheritance(before, keys, atMs) : { former: [], revocations: {} }),
    ...told(question),
  });
}

/** What stays of the hardware that had the name before: its keys for what they have signed, and no right to link. */
function inheritance(
  before: Readonly<RegisteredNode>,
  keys: PublicKeys,
  atMs: number,
): Pick<RegisteredNode, "former" | "revocations"> {
  if (sameKeys(before.keys, keys)) return { former: before.former, revocations: before.revocations };
  return {
    former: [...before.former, { keys: before.keys, untilMs: before.revokedAtMs ?? atMs }],
    revocations: {
      ...before.revocations,
      [before.keys.link]: { atS: Math.floor(atMs / 1000), untilMs: before.expiresAtMs },
    },
  };
}

function told({ hardware, umec }: EnrolQuestion): Pick<RegisteredNode, "hardware" | "umec"> {
  const [model, serial] = [toldText(hardware?.model), toldText(hardware?.serial)];
  const version = toldText(umec, 64);
  const is = { ...(model !== undefined && { model }), ...(serial !== undefined && { serial }) };
  return {
    ...(Object.keys(is).length > 0 && { hardware: is }),
    ...(version !== undefined && { umec: version }),
  };
}

/** A revocation is to the second, and takes all claims that were signed up to it. */
async function notBeforeRevoked(desk: EnrolDesk, name: string, keys: PublicKeys): Promise<void> {
  const atS = desk.registry.nodes.get(name)?.revocations[keys.link]?.atS ?? 0;
  const waitMs = (atS + 1) * 1000 - Date.now();
  if (waitMs > 0 && waitMs <= 1000) await new Promise((done) => setTimeout(done, waitMs));
}

function refused(code: RefusalCode, text: string): Verdict & { is: "refused" } {
  return { is: "refused", code, text };
}
