/** What an operator does with nodes that have enrolled, or are to. */
import { UmecError } from "../errors.ts";
import type { EnrolDesk } from "./desk.ts";
import type { RegisteredNode } from "./registry-file.ts";

export interface NodeSummary {
  node: string;
  /** `waiting`: it has a token that nobody has used. `credentials`: it links with a file of the hub's making. */
  state: "waiting" | "credentials" | "enrolled" | "revoked";
  /** Other hardware may take the name, with a token made since. */
  replaceable?: true;
  /** Until when the token of one that waits can be used. */
  tokenUntilMs?: number;
  enrolledAtMs?: number;
  renewedAtMs?: number;
  /** When it can no longer link unless it renews. */
  expiresAtMs?: number;
  generation?: number;
  /** Its link key. */
  link?: string;
  hardware?: { model?: string; serial?: string };
  umec?: string;
}

/** All nodes by name. @param named those that link with credentials that the hub made for them */
export function listNodes({ registry, now }: EnrolDesk, named: Iterable<string>): NodeSummary[] {
  const all = new Map<string, NodeSummary>();
  for (const node of named) all.set(node, { node, state: "credentials" });
  for (const { node, spent, expiresAtMs } of registry.tokens.values()) {
    if (spent || expiresAtMs <= now()) continue;
    const before = all.get(node);
    const tokenUntilMs = Math.max(before?.tokenUntilMs ?? 0, expiresAtMs);
    all.set(node, { node, state: before?.state ?? "waiting", tokenUntilMs });
  }
  for (const [node, one] of registry.nodes) {
    const { state, replaceable, enrolledAtMs, renewedAtMs, expiresAtMs, generation, hardware, umec } = one;
    const tokenUntilMs = all.get(node)?.tokenUntilMs;
    all.set(node, {
      node,
      state,
      ...(replaceable && { replaceable }),
      ...(tokenUntilMs !== undefined && { tokenUntilMs }),
      enrolledAtMs,
      renewedAtMs,
      expiresAtMs,
      generation,
      link: one.keys.link,
      ...(hardware && { hardware }),
      ...(umec !== undefined && { umec }),
    });
  }
  return [...all.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
}

/**
 * Cuts a node off: its claims are void, its tokens too, and it gets no new ones. What it has stored stays.
 *
 * @returns how many unused tokens were withdrawn
 * @throws UmecError `HUB_NODE_UNKNOWN`
 */
export async function revokeNode(desk: EnrolDesk, name: string): Promise<{ tokens: number }> {
  const tokens = await desk.inTurn(async () => {
    const node = desk.registry.nodes.get(name);
    const dropped = desk.registry.dropUnspent(name);
    if (node) {
      const { replaceable: _, ...rest } = node;
      desk.registry.setNode(name, revoked(rest, desk.now()));
    } else if (dropped === 0) throw unknown(name);
    return dropped;
  });
  await desk.registry.save();
  await desk.apply(name);
  desk.log.warn("node revoked", { node: name, tokens });
  return { tokens };
}

/**
 * Gives a node's name free for other hardware, with a token that is made from now on.
 *
 * @param options.now the present hardware is cut off at once, and not only when the new one enrols
 * @throws UmecError `HUB_NODE_UNKNOWN`
 */
export async function replaceNode(
  desk: EnrolDesk,
  name: string,
  options: { now?: boolean } = {},
): Promise<void> {
  await desk.inTurn(async () => {
    const node = desk.registry.nodes.get(name);
    if (!node) throw unknown(name);
    const left = options.now ? revoked(node, desk.now()) : node;
    desk.registry.setNode(name, { ...left, replaceable: true });
  });
  await desk.registry.save();
  await desk.apply(name);
  desk.log.warn("node may be replaced", { node: name, cutOff: options.now === true });
}

function revoked(node: RegisteredNode, nowMs: number): RegisteredNode {
  if (node.state === "revoked") return node;
  const atS = Math.floor(nowMs / 1000);
  return {
    ...node,
    state: "revoked",
    revokedAtMs: nowMs,
    revocations: { ...node.revocations, [node.keys.link]: { atS, untilMs: node.expiresAtMs } },
  };
}

function unknown(name: string): UmecError {
  return new UmecError("HUB_NODE_UNKNOWN", `no node ${name} has enrolled here, or has a token to`, {
    hint: "umec hub nodes lists them; one that was named with --node goes by --remove-node",
  });
}
