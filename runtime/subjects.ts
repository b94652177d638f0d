/**
 * The subjects of the design, made and taken apart in one place.
 *
 * | subject | account | who |
 * |---|---|---|
 * | `telemetry.<point>`, `event.<point>` | the plugin's | plugin → outbox, as a service |
 * | `command.<point>` | the plugin's | API or hub → plugin |
 * | `checked.<point>` | the plugin's | node → a program whose points are known: the command, judged |
 * | `object.put` | the plugin's | a program → node: keep a file |
 * | `in.<plugin>.telemetry.<point>` | UPLINK | the same message, as the outbox sees it |
 * | `umec.<node>.<plugin>.<lane>[.backlog]` | UPLINK, hub | a chain: only this node writes it |
 * | `hub.last.<chain>` | UPLINK, hub | the chain's last message, by direct get |
 * | `hub.obj.<node>.>` | UPLINK, hub | chunks and descriptions of the node's objects; at the hub `$O.node-<node>.>` |
 * | `hub.objlast.<node>.>` | UPLINK, hub | the last message of one of those, by direct get |
 * | `hub.ota.index.<bundle>`, `hub.ota.chunk.<name>` | UPLINK, hub | parts of a system update, by direct get; in the fleet's account `ota.>` |
 * | `cmd.<node>.<plugin>.<point>` | hub → UPLINK | commands from the hub |
 * | `hub.doc.<node>.<kind>` | UPLINK, hub | a document that the hub keeps for the node, by direct get |
 * | `cmd.<node>._document.<kind>` | hub → UPLINK | that document was changed |
 * | `umec.<node>._document.<kind>.report` | UPLINK, hub | what the node made of it |
 * | `umec.<node>.<plugin>.telemetry.<point>` | API | live samples for local readers |
 * | `umec.<node>.<plugin>.command.<point>` | API | commands from this machine |
 * | `umec.<node>.alarms.event.<name>` | API | an alarm that was raised or cleared |
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

/** The bucket at the hub that holds a node's objects. */
export function objectBucket(node: string): string {
  return `node-${node}`;
}

/** The stream that JetStream keeps it in. */
export function objectStream(node: string): string {
  return `OBJ_${objectBucket(node)}`;
}

/** Where the bucket's messages are, in the fleet's account: below it `C.<nuid>` and `M.<name>`. */
export function objectRoot(node: string): string {
  return `$O.${objectBucket(node)}`;
}

/** What the node calls that. */
export function nodeObjectRoot(node: string): string {
  return `hub.obj.${node}`;
}

/** Where the node asks for the last message of one of its subjects below {@link nodeObjectRoot}. */
export function nodeObjectLastRoot(node: string): string {
  return `hub.objlast.${node}`;
}

/** The stream of system updates, and what it captures in the fleet's account. Nodes read all below {@link otaRoot}. */
export const otaStream = "OTA";
export const otaRoot = "ota";
/** What nodes call {@link otaRoot}. */
export const nodeOtaRoot = "hub.ota";

/** Below the root: the head of a bundle's index. */
export function otaIndexTokens(bundleSha256: string): string {
  return `index.${bundleSha256}`;
}

/** Below the root: a chunk. */
export function otaChunkTokens(name: string): string {
  return `chunk.${name}`;
}

/** The key-value bucket of the hub's documents for its nodes, and the stream that JetStream keeps it in. */
export const documentBucket = "DOCUMENTS";
export const documentStream = `KV_${documentBucket}`;
/** The stream of what the nodes made of them: the last report on each. */
export const reportStream = "DOCUMENT_REPORTS";

/** Where a document is, in the fleet's account. */
export function documentSubject(node: string, kind: string): string {
  return `$KV.${documentBucket}.${node}.${kind}`;
}

/** Where the node asks for its documents. */
export function nodeDocumentRoot(node: string): string {
  return `hub.doc.${node}`;
}

/** Where the node hears that a document was changed. `_document` can be no plugin's name. */
export function documentNoticeSubject(node: string, kind: string): string {
  return `cmd.${node}._document.${kind}`;
}

/** Where the node says what came of a document: five tokens, so that the stream of frames does not take it. */
export function documentReportSubject(node: string, kind: string): string {
  return `umec.${node}._document.${kind}.report`;
}

export function isLane(text: string | undefined): text is Lane {
  return text === "alarm" || text === "telemetry" || text === "bulk";
}

/** Where the hub sends a command for a plugin's point. */
export function hubCommandSubject(node: string, plugin: string, point: string): string {
  return `cmd.${node}.${plugin}.${pathToTokens(point)}`;
}

/** Where the account API of the node does. */
export function apiCommandSubject(node: string, plugin: string, point: string): string {
  return `umec.${node}.${plugin}.command.${pathToTokens(point)}`;
}

/** Where the node tells of an alarm. */
export function apiAlarmSubject(node: string, name: string): string {
  return `umec.${node}.alarms.event.${name}`;
}

/** In a plugin's account: commands that the node has judged, on their way to the plugin's program. */
export const checkedRoot = "checked";
/** In a plugin's account: where the plugin's program asks the node to keep an object. */
export const objectPutSubject = "object.put";

/** `device/quantity` → `device.quantity`. */
export function pathToTokens(path: string): string {
  return path.replaceAll("/", ".");
}

/** `device.quantity` → `device/quantity`. */
export function tokensToPath(tokens: string): string {
  return tokens.replaceAll(".", "/");
}
