/** The hub's documents at a node: the target state is taken over here, others are watched by whoever they are for. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import type { Bus } from "./bus/types.ts";
import { createHubDocuments, type WatchedDocuments } from "./documents/hub-documents.ts";
import { takeCas } from "./documents/take-ca.ts";
import { takeTargets } from "./documents/take-target.ts";
import { takeHubCa } from "./enrol/hub-ca.ts";
import { mergeTarget } from "./enrol/settle.ts";
import { claimsPath } from "./enrol/types.ts";
import { UmecError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { NodePeople } from "./node-people.ts";
import type { LinkTarget } from "./target/types.ts";

export interface NodeDocumentsOptions {
  node: string;
  dataPath: string;
  bus: Bus;
  people: Pick<NodePeople, "mergeTarget" | "noteRefused">;
  /** As the target state has it now. */
  link(): LinkTarget | undefined;
  /** Dials the link anew when nothing is on its way, or after a while. */
  redial(signal: AbortSignal): Promise<void>;
  log: Log;
}

export interface RunningDocuments {
  readonly documents: WatchedDocuments;
  /** See `TargetTaking`. */
  concluded(failures: readonly string[]): void;
  stop(): Promise<void>;
}

export async function openNodeDocuments(options: NodeDocumentsOptions): Promise<RunningDocuments> {
  const { node, dataPath, bus, people, link, redial, log } = options;
  const connection = await bus.connectLink();
  const ended = new AbortController();
  const documents = createHubDocuments({ node, connection, leaf: bus, log });
  const issuer = () => issuerOf(dataPath, link());
  const taking = takeTargets({
    ...{ node, documents, issuer, notePath: join(dataPath, "target.json") },
    replace: (text, what) =>
      people.mergeTarget(what, (before) => mergeTarget(before, { target: keysOf(text) }).text),
    noteRefused: (what, reason) => people.noteRefused(what, reason),
    log,
    signal: ended.signal,
  });
  takeCas({
    ...{ node, documents, issuer, notePath: join(dataPath, "ca.json") },
    caPath: () => (link()?.credentialsPath === undefined ? undefined : link()?.caPath),
    replace: takeHubCa,
    redial: () => redial(ended.signal),
    log,
    signal: ended.signal,
  });
  return {
    documents,
    concluded: (failures) => taking.concluded(failures),
    async stop() {
      ended.abort();
      await documents.stop();
      await connection.close();
    },
  };
}

/** Who signed the claims by which the node links: those of its credentials file, or those that it enrolled with. */
async function issuerOf(dataPath: string, link: LinkTarget | undefined): Promise<string | undefined> {
  if (!link) return undefined;
  const { credentialsPath } = link;
  try {
    const text = await readFile(credentialsPath ?? claimsPath(dataPath), "utf8");
    const jwt =
      credentialsPath === undefined ? JSON.parse(text).jwt : /BEGIN NATS USER JWT-+\s+(\S+)/.exec(text)?.[1];
    const { iss } = JSON.parse(Buffer.from(String(jwt).split(".")[1] ?? "", "base64url").toString());
    return typeof iss === "string" ? iss : undefined;
  } catch {
    return undefined;
  }
}

function keysOf(text: string): Record<string, unknown> {
  const document = parseDocument(text);
  const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 });
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new UmecError("TARGET_INVALID", "the hub's target state is no mapping in YAML");
}
