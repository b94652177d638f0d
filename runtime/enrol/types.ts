import { dirname, join, resolve } from "node:path";

/** How a node without a credentials file stands with its hub. */
export interface EnrolmentStatus {
  /**
   * `none`: neither claims nor a token. `asking`: with a token, and not answered yet. `enrolled`: the node has claims.
   * `refused`: the hub does not want this node, or its token. `expired`: the node's claims have ended.
   */
  state: "none" | "asking" | "enrolled" | "refused" | "expired";
  /** Why, in words for people; left out where there is nothing to say. */
  reason?: string;
  /** Unix time in milliseconds of the last change of `state`. */
  sinceMs: number;
  /** Of the claims that the node has. */
  renewAtMs?: number;
  expiresAtMs?: number;
}

/** Where the token of a node lies: beside its target file. */
export function tokenPath(targetPath: string): string {
  return join(dirname(resolve(targetPath)), "enrolment-token");
}

/** Where a node keeps its claims. */
export function claimsPath(dataPath: string): string {
  return join(dataPath, "keys", "hub.json");
}
