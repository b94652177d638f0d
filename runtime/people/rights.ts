/**
 * Who may do what: the one table, asked for each request on a control socket.
 *
 * A level is where the request came from: the kernel lets only its group open its socket. So a right is not a matter
 * of what a client says.
 */
import { type Asker, type Level, levels } from "./types.ts";

/** What can be asked for, and the least level that may. */
export const leastLevels = {
  /** `umec status`: all that is measured, and how the node is. */
  status: "viewer",
  /** To log in, and to be seen to. */
  session: "viewer",
  /** `umec set`. */
  command: "operator",
  /** `umec target`: the text of node.yaml. */
  "target-read": "maintainer",
  /** `umec target --set`, as far as it leaves alone what the next right is about. */
  "target-write": "maintainer",
  /** To change what could lift oneself: people and their keys, programs that run as the node, its name and its data. */
  "target-own": "owner",
  /** `umec update`: what is signed is all that can be installed. */
  update: "maintainer",
  /** `umec enrol`: to bring the node to a hub. */
  enrol: "owner",
  /** `umec reboot`. */
  reboot: "owner",
} as const satisfies Record<string, Level>;

export type Right = keyof typeof leastLevels;

/** Those that change something: each use of them is in the audit trail, before and after. */
export const changing: ReadonlySet<Right> = new Set([
  "command",
  "target-write",
  "target-own",
  "update",
  "enrol",
  "reboot",
]);

export function may({ level }: Pick<Asker, "level">, right: Right): boolean {
  return level === "node" || levels.indexOf(level) >= levels.indexOf(leastLevels[right]);
}
