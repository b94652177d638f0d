import type { Clock, Point, Sample } from "../../runtime/plugin/sdk.ts";
import type { SystemOptions } from "./options.ts";
import type { Tree } from "./tree.ts";

export interface GroupContext {
  tree: Tree;
  options: SystemOptions;
  clock: Clock;
}

/** A kind of things that the node tells of itself. */
export interface Group {
  /** What it may give; `*` is for what each board names on its own. */
  points: Point[];
  /**
   * Makes the reader of one run of the driver. Each call reads once; it gives no sample for what is not there, nor
   * for a rate that needs two readings on the first call.
   */
  create(context: GroupContext): () => Promise<Sample[]>;
}
