import { randomBytes } from "node:crypto";
import { deriveKeys } from "./identity/keys.ts";
import type { NodeIdentity } from "./identity/types.ts";

/** A node's identity for tests, on no disk. */
export function newIdentity(): NodeIdentity {
  return deriveKeys(randomBytes(32), false);
}
