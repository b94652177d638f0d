import { X509Certificate } from "node:crypto";
import { parseToken } from "../enrol-wire.ts";
import { isUmecError, messageOf } from "../errors.ts";
import type { Problem } from "../target/finding.ts";
import { isRecord, toPointer } from "../target/json.ts";
import type { Card } from "./card-schema.ts";

/**
 * What a schema can't say about the hub. Takes a card that is valid by the schema.
 *
 * @param nowMs Unix time at the desk. On a node, whose clock may be wrong, it is left out: whether a token is too old is for
 * the hub to say then
 */
export function checkHub({ node, hub, target }: Card, nowMs?: number): Problem[] {
  const problems: Problem[] = [];
  const link = target?.link;
  if (isRecord(link)) {
    for (const key of ["hub", "credentials", "ca"]) {
      if (!Object.hasOwn(link, key)) continue;
      const hint = `say it in hub.${key === "hub" ? "urls" : key}; a card has no other files beside it`;
      problems.push({
        pointer: toPointer("target", "link", key),
        at: "key",
        reason: "has no place here",
        hint,
      });
    }
  }
  if (!hub) {
    if (link !== undefined)
      problems.push({
        pointer: "/target/link",
        at: "key",
        reason: "is the link to a hub, and there is none: give hub",
      });
    return problems;
  }
  if (hub.token !== undefined) problems.push(...checkToken(hub.token, node, nowMs));
  if (hub.token !== undefined && hub.credentials !== undefined) {
    problems.push({
      pointer: "/hub/token",
      at: "key",
      severity: "warning",
      reason: "is not used: the node links with hub.credentials",
      hint: "leave out hub.credentials, and the node makes keys of its own",
    });
  }
  if (hub.credentials === undefined && hub.token === undefined) {
    problems.push({
      pointer: "/hub",
      at: "key",
      severity: "warning",
      reason: "has neither token nor credentials",
      hint: "the link stays down until they are there; the node stores meanwhile",
    });
  }
  if (hub.ca !== undefined && !isCertificate(hub.ca))
    problems.push({ pointer: "/hub/ca", reason: "must be a certificate in PEM, and this is a damaged one" });
  return problems;
}

function checkToken(text: string, node: string, nowMs: number | undefined): Problem[] {
  const pointer = "/hub/token";
  try {
    const token = parseToken(text);
    if (token.node !== node) {
      const hint = `one token is for one node: make one with \`umec hub token --name ${node}\``;
      return [{ pointer, reason: `is for ${token.node}, and the card is for ${node}`, hint }];
    }
    if (nowMs === undefined || token.expiresAtMs > nowMs) return [];
    const ended = new Date(token.expiresAtMs).toISOString();
    return [{ pointer, reason: `expired at ${ended}`, hint: "make a new one with `umec hub token`" }];
  } catch (error) {
    const hint = isUmecError(error) ? error.hint : undefined;
    return [{ pointer, reason: messageOf(error), ...(hint !== undefined && { hint }) }];
  }
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
