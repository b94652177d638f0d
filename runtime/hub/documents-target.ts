/** The target states that the hub keeps for its nodes: document `target` of each (documents.ts, ../document-wire.ts). */
import type { NatsConnection } from "@nats-io/nats-core";
import { parseDocument } from "yaml";
import { openDocument, signDocument, type TargetReport } from "../document-wire.ts";
import { UmecError } from "../errors.ts";
import { documentReportSubject } from "../subjects.ts";
import type { EnrolDesk } from "./desk.ts";
import { putDocument, readDocument, readReport, removeDocument } from "./documents.ts";
import { listNodes } from "./node-admin.ts";

export interface HubTarget {
  node: string;
  /** Left out while the hub keeps none. */
  document?: { revision: number; issuedAtMs: number; text: string };
  /** What the node said last; left out when it never said anything. */
  report?: TargetReport;
}

export interface SetTarget {
  /** Names, or patterns in which `*` stands for any letters. */
  nodes: readonly string[];
  /**
   * `set`: `text` takes the place of what the hub keeps. `merge`: each key of it does. `remove`: the hub keeps none; nodes
   * stay as they are.
   */
  how: "set" | "merge" | "remove";
  text?: string;
  /** How long to wait for nodes to say what came of it, in milliseconds. @default 0 */
  waitMs?: number;
}

export interface TargetOutcome {
  node: string;
  /** Left out where the hub keeps none now. */
  revision?: number;
  /** As the node reports it; `waiting`: it has not yet. */
  state: TargetReport["state"] | "waiting" | "removed";
  reason?: string;
}

const atOnce = 32;

export async function readTarget(nc: NatsConnection, node: string): Promise<HubTarget> {
  const [document, report] = await Promise.all([
    readDocument(nc, node, "target"),
    readReport(nc, node, "target"),
  ]);
  const parsed = document && openDocument("target", document.body);
  const said = report && parseReport(report.body);
  return {
    node,
    ...(document &&
      typeof parsed === "object" && {
        document: { revision: document.revision, issuedAtMs: parsed.issuedAtMs, text: parsed.text },
      }),
    ...(said && { report: said }),
  };
}

/** Sets it for each node, and waits for what they make of it. @throws UmecError as `nodesOf` and `putDocument` do */
export async function setTargets(
  nc: NatsConnection,
  desk: EnrolDesk,
  nodes: readonly string[],
  { how, text = "", waitMs = 0 }: SetTarget,
): Promise<TargetOutcome[]> {
  const reports = new Map<string, TargetReport>();
  let heard = Promise.withResolvers<void>();
  const hearing = nc.subscribe(documentReportSubject("*", "target"), {
    callback: (error, message) => {
      const report = error ? undefined : parseReport(message.data);
      if (!report) return;
      reports.set(message.subject.split(".")[1]!, report);
      heard.resolve();
    },
  });
  try {
    const put = await inParts(nodes, (node) => setOne(nc, desk, node, how, text));
    const isTold = ({ node, issuedAtMs }: Put) => reports.get(node)?.issuedAtMs === issuedAtMs;
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), waitMs);
    while (how !== "remove" && !put.every(isTold)) {
      if ((await Promise.race([heard.promise, late.promise])) === "late") break;
      heard = Promise.withResolvers();
    }
    clearTimeout(timer);
    return put.map((one) => outcomeOf(one, isTold(one) ? reports.get(one.node) : undefined));
  } finally {
    hearing.unsubscribe();
  }
}

/**
 * The names that these names and patterns stand for, sorted.
 *
 * @throws UmecError `HUB_NODE_UNKNOWN` for a name of nobody, and for a pattern that no name fits
 */
export function nodesOf(desk: EnrolDesk, named: Iterable<string>, wanted: readonly string[]): string[] {
  // One that waits has no claims yet, and so no key whose signature it would believe.
  const known = listNodes(desk, named).filter(({ state }) => state === "enrolled" || state === "credentials");
  const found = new Set<string>();
  for (const one of wanted) {
    const pattern = new RegExp(`^${one.replace(/[^a-z0-9*-]/g, "\\$&").replaceAll("*", "[a-z0-9-]*")}$`);
    const fitting = known.filter(({ node }) => pattern.test(node));
    if (fitting.length === 0) {
      throw new UmecError("HUB_NODE_UNKNOWN", `no node ${one} has enrolled here`, {
        hint: "umec hub nodes lists them; one that is to enrol gets its target state with its token",
      });
    }
    for (const { node } of fitting) found.add(node);
  }
  return [...found].sort();
}

interface Put {
  node: string;
  revision?: number;
  issuedAtMs?: number;
}

async function setOne(
  nc: NatsConnection,
  desk: EnrolDesk,
  node: string,
  how: SetTarget["how"],
  text: string,
): Promise<Put> {
  if (how === "remove") {
    await removeDocument(nc, node, "target");
    return { node };
  }
  const before = await readDocument(nc, node, "target");
  const parsed = before && openDocument("target", before.body);
  const known = typeof parsed === "object" ? parsed : undefined;
  // Also where the hub's clock was set back since.
  const issuedAtMs = Math.max(desk.now(), (known?.issuedAtMs ?? 0) + 1);
  const merged = how === "merge" && known ? mergeKeys(known.text, text) : text;
  const body = signDocument("target", { node, issuedAtMs, text: merged }, desk.keys.node(node).signer);
  const expected = before && { expectedRevision: before.revision };
  return { node, issuedAtMs, revision: await putDocument(nc, node, "target", body, expected) };
}

/** `before` with the keys of `text` in the place of its own. */
function mergeKeys(before: string, text: string): string {
  const document = parseDocument(before);
  for (const [key, value] of Object.entries(parseDocument(text).toJS() ?? {}))
    document.set(key, document.createNode(value));
  return document.toString();
}

function outcomeOf({ node, revision }: Put, report: TargetReport | undefined): TargetOutcome {
  if (revision === undefined) return { node, state: "removed" };
  const { state = "waiting", reason } = report ?? {};
  return { node, revision, state, ...(reason !== undefined && { reason }) };
}

/** From a node, so of any shape. */
function parseReport(body: Uint8Array): TargetReport | undefined {
  try {
    const report: TargetReport = JSON.parse(Buffer.from(body).toString());
    const whole = Number.isSafeInteger(report.issuedAtMs) && typeof report.state === "string";
    return report.version === 1 && whole ? report : undefined;
  } catch {
    return undefined;
  }
}

async function inParts<T>(nodes: readonly string[], work: (node: string) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let from = 0; from < nodes.length; from += atOnce)
    all.push(...(await Promise.all(nodes.slice(from, from + atOnce).map(work))));
  return all;
}
