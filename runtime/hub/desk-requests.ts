import { createHash } from "node:crypto";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { type CaStep, caSteps } from "../hub-init/authority.ts";
import { rotateHub } from "../hub-init/rotate.ts";
import type { EnrolDesk } from "./desk.ts";
import { tellCas } from "./documents-ca.ts";
import { nodesOf, readTarget, type SetTarget, setTargets } from "./documents-target.ts";
import { enrol } from "./enrolment.ts";
import { listNodes, replaceNode, revokeNode } from "./node-admin.ts";
import { UnreadableQuestion } from "./question.ts";
import { issueTokens, type TokenRequest } from "./tokens.ts";
import { operatorOf, type Trail } from "./trail.ts";

/** What an operator may ask of the hub's desk: over its control socket, or in its directory when no hub runs. */
export interface DeskParts {
  desk: EnrolDesk;
  /** Nodes with credentials of the hub's making. */
  named(): Iterable<string>;
  /** Of a running hub. */
  refusals?(): Readonly<Record<string, number>>;
  /** Has the running hub's server read its certificate again. */
  reloadCertificates?(): Promise<void>;
  /** Of a running hub: a connection in the fleet's account. */
  connectFleet?(): Promise<NatsConnection>;
  /** What changes something is entered there. @default nothing is */
  trail?: Trail;
}

/** A thousand nodes are asked in this time, and each for what came of it. */
const longestWaitMs = 30_000;
const mostNodes = 10_000;

/**
 * | path | body | answer |
 * |---|---|---|
 * | `/nodes` | | `{ nodes: NodeSummary[], refusals? }` |
 * | `/tokens` | `{ tokens: TokenRequest[] }` | `{ tokens: Token[] }`, which are secret |
 * | `/revoke` | `{ node }` | `{ node, tokens }` |
 * | `/replace` | `{ node, now? }` | `{ node }` |
 * | `/enrol` | `{ question }`, its text | an `Outcome` |
 * | `/certificate` | `{ step?, days? }` | a `RotatedHub` |
 * | `/target` | `{ node }` | a `HubTarget` |
 * | `/target/set` | a `SetTarget` | `{ nodes: TargetOutcome[] }` |
 * | `/audit` | `{ most }` | a `TrailRead` |
 *
 * With each comes `by`, an `Operator`.
 *
 * @throws UmecError as those do; `HUB_REQUEST_INVALID`, `HUB_QUESTION_INVALID`, `HUB_NOT_RUNNING`
 */
export async function handleDeskRequest(parts: DeskParts, path: string, body: unknown): Promise<unknown> {
  const asked = (body ?? {}) as Record<string, unknown>;
  const what = changeIn(path, asked);
  if (what === undefined || !parts.trail) return answer(parts, path, body);
  return parts.trail.run(operatorOf(asked.by), what, () => answer(parts, path, body));
}

/** What a request changes, in words for the audit trail and without secrets; `undefined`: it only reads. */
function changeIn(path: string, body: Record<string, unknown>): string | undefined {
  const names = (list: unknown, of: (one: unknown) => unknown = (one) => one) =>
    Array.isArray(list)
      ? `${list.slice(0, 20).map(of).join(", ")}${list.length > 20 ? ` (${list.length})` : ""}`
      : "?";
  switch (path) {
    case "/tokens":
      return `token for ${names(body.tokens, (one) => (one as TokenRequest | null)?.node)}`;
    case "/revoke":
      return `revoke ${body.node}`;
    case "/replace":
      return `replace ${body.node}${body.now === true ? ", now" : ""}`;
    case "/enrol":
      return "enrol by file";
    case "/certificate":
      return `certificate${body.step === undefined ? "" : `, CA: ${body.step}`}`;
    case "/target/set": {
      const hash = createHash("sha256")
        .update(String(body.text ?? ""))
        .digest("hex")
        .slice(0, 16);
      const which = body.how === "remove" ? "" : ` (sha256 ${hash}…)`;
      return `target ${body.how}${which} for ${names(body.nodes)}`;
    }
    default:
      return undefined;
  }
}

async function answer(parts: DeskParts, path: string, body: unknown): Promise<unknown> {
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
      if (parts.connectFleet) await withFleet(parts, (nc) => tellCas(nc, desk, named()));
      return done;
    }
    case "/target":
      return withFleet(parts, (nc) => readTarget(nc, text("node", node)));
    case "/target/set": {
      const request = setTargetIn((body ?? {}) as Record<string, unknown>);
      const nodes = nodesOf(desk, named(), request.nodes);
      return withFleet(parts, async (nc) => ({ nodes: await setTargets(nc, desk, nodes, request) }));
    }
    case "/audit": {
      const most = Number((body as { most?: unknown } | undefined)?.most ?? 100);
      return parts.trail?.read(Math.min(Math.max(0, most), mostEntries)) ?? { entries: [], broken: [] };
    }
    default:
      throw invalid(`there is no ${path}`);
  }
}

const mostEntries = 200_000;

async function withFleet<T>(
  { connectFleet }: DeskParts,
  work: (nc: NatsConnection) => Promise<T>,
): Promise<T> {
  if (!connectFleet) {
    throw new UmecError("HUB_NOT_RUNNING", "no hub runs in this directory, and this is kept in its streams", {
      hint: "start it first: umec hub",
    });
  }
  const nc = await connectFleet();
  try {
    return await work(nc);
  } finally {
    await nc.close();
  }
}

function setTargetIn({ nodes, how, text: said, waitMs }: Record<string, unknown>): SetTarget {
  if (!Array.isArray(nodes) || nodes.length > mostNodes || nodes.some((one) => typeof one !== "string"))
    throw invalid("nodes is no list of names");
  if (how !== "set" && how !== "merge" && how !== "remove") throw invalid("how is none");
  return {
    nodes,
    how,
    ...(how !== "remove" && { text: text("text", said) }),
    waitMs: Math.min(longestWaitMs, Math.max(0, Number(waitMs ?? 0) || 0)),
  };
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
