import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { UmecError } from "../errors.ts";
import { provisionDocuments } from "../hub/documents.ts";
import { tellCas } from "../hub/documents-ca.ts";
import { serveHubControl } from "../hub/hub-control.ts";
import { provisionBuckets } from "../hub/objects.ts";
import { startHubServer } from "../hub/server.ts";
import { provisionStream } from "../hub/stream.ts";
import { careForCertificates, provideCertificate } from "../hub-init/rotate.ts";
import { findNatsServer } from "../nats/find-server.ts";
import type { LogLevel } from "../target/types.ts";
import type { Context } from "./context.ts";
import { lockHub } from "./hub-lock.ts";
import { changeNodes, readNodes, writeNodes } from "./hub-nodes.ts";
import { createLog, type LogFormat } from "./log.ts";
import { formatFacts } from "./table.ts";

export interface ServeOptions {
  data: string;
  node?: string[];
  removeNode?: string[];
  listen: string;
  leafListen: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsHost?: string[];
  maxBytes?: number;
  maxAge?: number;
  renewDays: number;
  json?: true;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

/** What `--json` prints when the hub takes connections. */
export interface HubReady {
  pid: number;
  clientUrl: string;
  leafUrl: string;
  /** Credentials file of the user that reads and commands all nodes. */
  fleetCredentials: string;
  /** The hub's own CA, for nodes and readers. */
  ca?: string;
  /** Credentials file of each node that has one; those that have enrolled have none. */
  credentials: Record<string, string>;
}

/** Runs the embedded hub until it is interrupted. */
export async function serveHub(options: ServeOptions, { stdout, stderr, signal }: Context): Promise<void> {
  const { tlsCert, tlsKey, maxBytes, maxAge } = options;
  const dir = resolve(options.data);
  const log = createLog({ level: options.logLevel, format: options.logFormat, destination: stderr });
  const { path: natsServerPath } = await findNatsServer();
  await mkdir(dir, { recursive: true, mode: 0o700 });
  using _lock = lockHub(dir);
  const { node: add = [], removeNode: remove = [] } = options;
  const nodes = changeNodes(await readNodes(dir), { add, remove });
  const given = tlsCert !== undefined && tlsKey !== undefined;
  const tls = given
    ? { certFile: resolve(tlsCert), keyFile: resolve(tlsKey) }
    : await provideCertificate(dir, options.tlsHost);
  await using hub = await startHubServer({
    dir,
    natsServerPath,
    nodes,
    enrolment: { validMs: options.renewDays * 86_400_000 },
    listen: options.listen,
    leafListen: options.leafListen,
    ...(tls && { tls }),
    log,
  });
  const enrolled = [...add, ...remove].find((node) => hub.desk.registry.nodes.has(node));
  if (enrolled !== undefined) {
    throw new UmecError("HUB_NODE_ENROLLED", `${enrolled} has enrolled: it has keys of its own`, {
      hint: `leave out --node and --remove-node for it; to cut it off: umec hub revoke ${enrolled}`,
    });
  }
  // Only now: a name that the hub refuses must not be remembered.
  await writeNodes(dir, nodes);
  const fleet = await hub.connectFleet();
  await provisionStream(fleet, {
    log,
    ...(maxBytes !== undefined && { maxBytes }),
    ...(maxAge !== undefined && { maxAgeMs: maxAge }),
  });
  await provisionBuckets(fleet, nodes, { log });
  await provisionDocuments(fleet);
  await tellCas(fleet, hub.desk, hub.namedNodes);
  await fleet.close();
  const reloadCertificates = () => hub.reloadCertificates();
  const parts = {
    ...{ desk: hub.desk, named: () => hub.namedNodes, refusals: () => hub.refusals },
    reloadCertificates,
    connectFleet: () => hub.connectFleet(),
  };
  using _care =
    tls && !given ? await careForCertificates({ dir, reload: reloadCertificates, log }) : undefined;
  await using _control = await serveHubControl(dir, parts, log);
  const ready: HubReady = {
    pid: process.pid,
    clientUrl: hub.clientUrl,
    leafUrl: hub.leafUrl,
    fleetCredentials: await hub.fleetCredentialsFile(),
    ...(hub.desk.caFile !== undefined && { ca: hub.desk.caFile }),
    credentials: Object.fromEntries(hub.namedNodes.map((node) => [node, hub.credentialsFile(node)])),
  };
  stdout.write(options.json ? `${JSON.stringify(ready)}\n` : readyText(ready, options));
  if (!signal.aborted) await once(signal, "abort");
  log.info("the hub stops");
}

function readyText(ready: HubReady, { leafListen, data }: ServeOptions): string {
  const facts = formatFacts([
    [
      "for readers",
      `${ready.clientUrl}, credentials ${ready.fleetCredentials} (may do all: keep them secret)`,
    ],
    ["for nodes", ready.leafUrl],
    ...(ready.ca === undefined ? [] : [["its CA", ready.ca] as [string, string]]),
  ]);
  const local = /^(127\.|localhost:|\[::1\]:)/.test(leafListen);
  // Where it listens on every address, nodes need one that leads here.
  const url = local
    ? ready.leafUrl
    : ready.leafUrl.replace(/\/\/(127\.0\.0\.1|\[::1\]):/, `//${hostname()}:`);
  const blocks = Object.entries(ready.credentials).flatMap(([node, path]) => [
    "",
    local
      ? `For node ${node}, in its node.yaml:`
      : `For node ${node}: copy ${path} to it, and in its node.yaml:`,
    "",
    "link:",
    `  hub: ${url}`,
    `  credentials: ${local ? path : `./${node}.creds`}`,
    ...(ready.leafUrl.startsWith("tls:")
      ? ["  # ca: ./ca.pem # where the certificate is of your own CA"]
      : []),
  ]);
  const nobody = `\nNodes enrol with a token: umec hub token --name NAME`;
  const read = `\nRead what they store: umec hub read --creds ${join(data, "fleet.creds")} --url ${ready.clientUrl} NODE PLUGIN`;
  const end = blocks.length === 0 ? [nobody] : [...blocks, read];
  return `${["the hub is ready", ...facts, ...end].join("\n")}\n`;
}
