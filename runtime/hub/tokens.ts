/**
 * Making tokens for enrolment.
 *
 * A token's secret is HMAC-SHA256 of its id by the hub's token key, so none is on the hub's disk: who reads a backup of the
 * registry can't enrol. The credentials in a token end {@link tokenMemoryMs} after the token itself: as long as the
 * hub remembers it a node can still be told that it came too late.
 */
import { randomBytes } from "node:crypto";
import type { Token } from "../enrol-wire.ts";
import { UmecError } from "../errors.ts";
import { createExpiringUser, formatCredentials } from "../nats/claims.ts";
import type { EnrolDesk } from "./desk.ts";
import { tokenMemoryMs } from "./registry.ts";
import type { IssuedToken, RegisteredNode } from "./registry-file.ts";
import { tokenRights } from "./server-accounts.ts";
import { requireNodeName } from "./server-keys.ts";
import { pruneTargets, storeTargets, type Target, targetName } from "./target-store.ts";

export interface TokenRequest {
  node: string;
  /** For how long it can be used, in milliseconds, from 1 s to 1 year. @default 7 days */
  expiresInMs?: number;
  /** Where the node is to link, when its card does not say. */
  hub?: { urls?: string[]; ca?: string };
  /** Keys of node.yaml to begin with. At most 256 KiB as JSON. */
  target?: Target;
}

const defaultExpiryMs = 7 * 86_400_000;
const longestMs = 366 * 86_400_000;

/**
 * Makes a token for each request, or, when one of them can't be had, none.
 *
 * @throws UmecError `HUB_NODE_NAME`, `HUB_NODE_ENROLLED` when the name is taken and was not given free, `HUB_TOKEN_INVALID`,
 *   `HUB_TARGET_TOO_LARGE`
 */
export async function issueTokens(desk: EnrolDesk, requests: readonly TokenRequest[]): Promise<Token[]> {
  const targets = new Map<string, Target>();
  const nowMs = desk.now();
  const issued = requests.map((request): [string, IssuedToken] => {
    const { node, expiresInMs = defaultExpiryMs, hub, target } = request;
    requireNodeName(node);
    if (!(expiresInMs >= 1000 && expiresInMs <= longestMs)) {
      throw new UmecError("HUB_TOKEN_INVALID", `a token can't hold for ${expiresInMs} ms`, {
        hint: "from a second to a year",
      });
    }
    const taken = desk.registry.nodes.get(node);
    if (taken && !taken.replaceable) throw enrolled(node, taken);
    const name = target && targetName(target);
    if (name !== undefined && target) targets.set(name, target);
    const token = {
      node,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + expiresInMs,
      ...(taken && { replaces: taken.generation }),
      ...(hub && { hub }),
      ...(name !== undefined && { target: name }),
    };
    return [randomBytes(8).toString("hex"), token];
  });
  const kept = [...desk.registry.tokens.values(), ...issued.map(([, token]) => token)];
  await pruneTargets(desk.dir, new Set(kept.flatMap(({ target }) => target ?? [])));
  await storeTargets(desk.dir, targets);
  for (const [id, token] of issued) desk.registry.setToken(id, token);
  await desk.registry.save();
  return Promise.all(issued.map(([id, token]) => tokenOf(desk, id, token)));
}

async function tokenOf({ keys }: EnrolDesk, id: string, issued: IssuedToken): Promise<Token> {
  const { node, issuedAtMs, expiresAtMs } = issued;
  const untilMs = expiresAtMs + tokenMemoryMs;
  const user = await createExpiringUser(keys.enrol, `token-${id}`, tokenRights(id, node), untilMs);
  const creds = Buffer.from(formatCredentials(user)).toString();
  return { node, id, secret: keys.tokenSecret(id), creds, issuedAtMs, expiresAtMs };
}

function enrolled(node: string, { state, enrolledAtMs }: Readonly<RegisteredNode>): UmecError {
  const since = new Date(enrolledAtMs).toISOString();
  const what = state === "revoked" ? "was revoked, and its name is not free" : `is enrolled since ${since}`;
  return new UmecError("HUB_NODE_ENROLLED", `${node} ${what}`, {
    hint: `if other hardware is to take its name: umec hub replace ${node}`,
  });
}
