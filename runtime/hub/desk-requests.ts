import { UmecError } from "../errors.ts";
import { type CaStep, caSteps } from "../hub-init/authority.ts";
import { rotateHub } from "../hub-init/rotate.ts";
import type { EnrolDesk } from "./desk.ts";
import { enrol } from "./enrolment.ts";
import { listNodes, replaceNode, revokeNode } from "./node-admin.ts";
import { UnreadableQuestion } from "./question.ts";
import { issueTokens, type TokenRequest } from "./tokens.ts";

/** What an operator may ask of the hub's desk: over its control socket, or in its directory when no hub runs. */
export interface DeskParts {
  desk: EnrolDesk;
  /** Nodes with credentials of the hub's making. */
  named(): Iterable<string>;
  /** Of a running hub. */
  refusals?(): Readonly<Record<string, number>>;
  /** Has the running hub's server read its certificate again. */
  reloadCertificates?(): Promise<void>;
}

/**
 * | path | body | answer |
 * |---|---|---|
 * | `/nodes` | | `{ nodes: NodeSummary[], refusals? }` |
 * | `/tokens` | `{ tokens: TokenRequest[] }` | `{ tokens: Token[] }`, which are secret |
 * | `/revoke` | `{ node }` | `{ node, tokens }` |
 * | `/replace` | `{ node, now? }` | `{ node }` |
 * | `/enrol` | `{ question }`, its text | an `Outcome` |
 * | `/certificate` | `{ step?, days? }` | a `RotatedHub` |
 *
 * @throws UmecError as those do; `HUB_REQUEST_INVALID`, `HUB_QUESTION_INVALID`
 */
export async function handleDeskRequest(parts: DeskParts, path: string, body: unknown): Promise<unknown> {
  const { desk, named, refusals } = parts;
  const { tokens, node, now, question, step, days } = (body ?? {}) as Record<string, unknown>;
  switch (path) {
    case "/nodes":
      return { nodes: listNodes(desk, named()), ...(refusals && { refusals: refusals() }) };
    case "/tokens":
      if (!Array.isArray(tokens)) throw invalid("tokens is no list");
      return { tokens: await issueTokens(desk, tokens as TokenRequest[]) };
    case "/revoke":
      return { node, ...(await revokeNode(desk, text("node", node))) };
    case "/replace":
      await replaceNode(desk, text("node", node), { now: now === true });
      return { node };
    case "/enrol":
      try {
        return await enrol(desk, text("question", question));
      } catch (cause) {
        if (!(cause instanceof UnreadableQuestion)) throw cause;
        throw new UmecError("HUB_QUESTION_INVALID", `this is no question of a node: ${cause.message}`, {
          cause,
          hint: "take the file that the node wrote, all of it",
        });
      }
    case "/certificate": {
      if (step !== undefined && !caSteps.includes(step as CaStep)) throw invalid("step is none");
      if (days !== undefined && !(Number(days) >= 1)) throw invalid("days is no number");
      const done = await desk.inTurn(() =>
        rotateHub(desk.dir, {
          ...(step !== undefined && { step: step as CaStep }),
          ...(days !== undefined && { days: Number(days) }),
        }),
      );
      await parts.reloadCertificates?.();
      return done;
    }
    default:
      throw invalid(`there is no ${path}`);
  }
}

function text(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw invalid(`${name} is no text`);
}

function invalid(reason: string): UmecError {
  return new UmecError("HUB_REQUEST_INVALID", reason, {
    hint: "is this umec of the same version as the hub's?",
  });
}
