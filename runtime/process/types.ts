/** The words that plugins which are processes share with the target state and the composition root. */

import type { Point } from "../plugin/contract.ts";

/** How a plugin runs that is a process of its own. */
export interface ProcessTarget {
  /** Program and arguments. Absent: the bundled driver of the plugin, in a process of its own. */
  exec?: readonly string[];
  /** Of a program: what it measures and acts on. Absent: not known, and nobody judges its commands. */
  points?: readonly Point[];
  /** Most memory. Absent: no limit of its own. */
  memoryBytes?: number;
  /** Most of one processor, in per cent: 200 is two. Absent: no limit of its own. */
  cpuPercent?: number;
  /** Device nodes that it may open, where that can be limited. Absent: those that the node itself may. */
  devices?: readonly string[];
  /** Longest time without a sample. Absent: for a driver what its manifest says, for a program none. */
  deadlineMs?: number;
}
