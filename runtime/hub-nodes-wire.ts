/**
 * What the hub knows of a node: an entry of the key-value bucket NODES in the fleet's account, by the node's name, as
 * JSON. Whoever reads samples reads the keys here that prove them; only the hub's own service writes it.
 */
import type { PublicKeys } from "./identity/types.ts";

export const nodesBucket = "NODES";

export interface NodeRecord {
  version: 1;
  node: string;
  state: "enrolled" | "revoked";
  keys: PublicKeys;
  enrolledAtMs: number;
  /** Keys of the hardware that had this name before, oldest first. What they signed stays valid. */
  former: { keys: PublicKeys; untilMs: number }[];
  hardware?: { model?: string; serial?: string };
  umec?: string;
}
