/**
 * Which lines share a request: those of one chip with the same configuration, up to 64. So a board with 30 inputs
 * takes a few descriptors, and outputs of one kind are set to their safe values at the same moment.
 *
 * Inputs that count or that tell edges share the kernel's buffer with the others of their request, so such a request
 * has 8 lines at most: 128 edges for each.
 */
import type { FoundLine } from "./find-lines.ts";
import type { LineConfig } from "./port.ts";

export interface Wanted extends FoundLine {
  readonly name: string;
  readonly config: LineConfig;
  /** Of an output: what it is first. */
  readonly value?: boolean;
}

const linesWithEdges = 8;
const linesWithout = 64;

/** Groups in the order of the first line of each. */
export function groupRequests(wanted: readonly Wanted[]): Wanted[][] {
  const groups: Wanted[][] = [];
  const open = new Map<string, Wanted[]>();
  for (const line of wanted) {
    const key = JSON.stringify([line.chip.name, line.config]);
    const most = line.config.edge === "none" ? linesWithout : linesWithEdges;
    const group = open.get(key);
    if (group && group.length < most) group.push(line);
    else {
      const fresh = [line];
      groups.push(fresh);
      open.set(key, fresh);
    }
  }
  return groups;
}
