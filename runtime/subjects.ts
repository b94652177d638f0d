/**
 * The subjects of the design, made and taken apart in one place.
 *
 * | subject | account | who |
 * |---|---|---|
 * | `telemetry.<point>`, `event.<point>` | the plugin's | plugin → outbox, as a service |
 * | `command.<point>` | the plugin's | API or hub → plugin |
 * | `in.<plugin>.telemetry.<point>` | UPLINK | the same message, as the outbox sees it |
 * | `umec.<node>.<plugin>.<lane>[.backlog]` | UPLINK, hub | a chain: only this node writes it |
 * | `hub.last.<chain>` | UPLINK, hub | the chain's last message, by direct get |
 * | `cmd.<node>.<plugin>.<point>` | hub → UPLINK | commands from the hub |
 * | `umec.<node>.<plugin>.telemetry.<point>` | API | live samples for local readers |
 */
import type { Lane } from "./plugin/contract.ts";

export const lanes: readonly Lane[] = ["alarm", "telemetry", "bulk"];

/** A node's or plugin's name: one subject token and one path segment, at most 63 characters. */
export const nameSyntax = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The hub's stream and what it captures. */
export const streamName = "TELEMETRY";
export const streamSubjects: readonly string[] = ["umec.*.*.*", "umec.*.*.*.backlog"];

export interface Chain {
  node: string;
  plugin: string;
  lane: Lane;
  /** Whether this is the chain for what waited out an outage. */
  backlog: boolean;
}

export function chainSubject(chain: Chain): string {
  return `umec.${chain.node}.${chain.plugin}.${chain.lane}${chain.backlog ? ".backlog" : ""}`;
}

/** The chain behind a subject, or `undefined` when it is none. */
export function parseChainSubject(subject: string): Chain | undefined {
  const [root, node, plugin, lane, backlog, ...more] = subject.split(".");
  if (root !== "umec" || !node || !plugin || !isLane(lane) || more.length > 0) return undefined;
  if (backlog !== undefined && backlog !== "backlog") return undefined;
  return { node, plugin, lane, backlog: backlog === "backlog" };
}

/** Where to ask for a chain's last message. */
export function lastSubject(chain: Chain): string {
  return `hub.last.${chainSubject(chain)}`;
}

export function isLane(text: string | undefined): text is Lane {
  return text === "alarm" || text === "telemetry" || text === "bulk";
}

/** `device/quantity` → `device.quantity`. */
export function pathToTokens(path: string): string {
  return path.replaceAll("/", ".");
}

/** `device.quantity` → `device/quantity`. */
export function tokensToPath(tokens: string): string {
  return tokens.replaceAll(".", "/");
}
