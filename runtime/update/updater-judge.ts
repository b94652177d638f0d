import { isUmecError } from "../errors.ts";
import { judgeBundle } from "./judge.ts";
import type { WantedUpdate } from "./order-file.ts";

export type Judgement = { kind: "go" } | { kind: "runs-already" } | { kind: "refuse"; reason: string };

export interface Board {
  /** RAUC's `compatible` of the system that runs; left out where it is not known: then the engine judges it alone. */
  compatible?: string | undefined;
  /** The version that runs. */
  version: string;
}

/**
 * Whether an order is worth fetching. The engine judges again, by what the signed bundle itself says: this spares the link,
 * and is no defence.
 */
export function judgeOrder({ bundle, permit }: WantedUpdate, { compatible, version }: Board): Judgement {
  if (!bundle) return { kind: "go" };
  const ours = compatible === undefined || bundle.compatible === compatible;
  if (ours && bundle.version === version) return { kind: "runs-already" };
  // What it permits is in its signed text, which the engine reads.
  if (permit !== undefined) return { kind: "go" };
  try {
    judgeBundle(bundle, { compatible: compatible ?? bundle.compatible, running: version });
    return { kind: "go" };
  } catch (error) {
    if (!isUmecError(error, "UPDATE_REFUSED")) throw error;
    return { kind: "refuse", reason: error.message };
  }
}
