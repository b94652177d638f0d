import { X509Certificate } from "node:crypto";
import type { Problem } from "../target/finding.ts";
import { isRecord, toPointer } from "../target/json.ts";
import type { Card } from "./card-schema.ts";

/** What a schema can't say about the hub. Takes a card that is valid by the schema. */
export function checkHub({ hub, target }: Card): Problem[] {
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
  if (hub.credentials === undefined) {
    problems.push({
      pointer: "/hub",
      at: "key",
      severity: "warning",
      reason: "has no credentials",
      hint: "the link stays down until they are there; the node stores meanwhile",
    });
  }
  if (hub.ca !== undefined && !isCertificate(hub.ca))
    problems.push({ pointer: "/hub/ca", reason: "must be a certificate in PEM, and this is a damaged one" });
  return problems;
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
