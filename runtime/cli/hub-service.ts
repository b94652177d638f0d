import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { UmecError } from "../errors.ts";
import { startClusterHub } from "../hub/cluster-hub.ts";
import { provisionDocuments } from "../hub/documents.ts";
import { serveHubControl } from "../hub/hub-control.ts";
import { provisionStream } from "../hub/stream.ts";
import { caFileOf } from "../hub-init/authority.ts";
import { careForCertificates } from "../hub-init/rotate.ts";
import { clientUrls, copiesOf, layout, leafUrls, readSetup } from "../hub-init/setup.ts";
import type { LogLevel } from "../target/types.ts";
import type { Context } from "./context.ts";
import { patiently } from "./hub-cluster.ts";
import { lockHub } from "./hub-lock.ts";
import { createLog, type LogFormat } from "./log.ts";

export interface ServiceOptions {
  init: string;
  url?: string;
  replicas?: number;
  maxBytes?: number;
  maxAge?: number;
  renewDays: number;
  json?: true;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

/** Lets nodes enrol, and renews their claims, at servers that `umec hub init` has laid out, until it is interrupted. */
export async function serveCluster(options: ServiceOptions, context: Context): Promise<void> {
  const { maxBytes, maxAge, json } = options;
  const { stdout, stderr, signal } = context;
  const root = resolve(options.init);
  const setup = await readSetup(root);
  const dir = layout.secret(root);
  const log = createLog({ level: options.logLevel, format: options.logFormat, destination: stderr });
  const url = options.url?.split(",") ?? clientUrls(setup);
  const replicas = options.replicas ?? copiesOf(setup);
  const caFile = caFileOf(layout.tls(root));
  using _lock = lockHub(dir);
  await using hub = await startClusterHub({
    ...{ dir, address: { url, tls: { caFile, handshakeFirst: true } }, caFile, replicas, log },
    validMs: options.renewDays * 86_400_000,
    ...(setup.ownOperator && { systemCredentials: await readFile(layout.systemCredentials(root), "utf8") }),
    // A cluster that was just started elects its leaders first.
    provision: async (fleet) => {
      const settings = {
        replicas,
        ...(maxBytes !== undefined && { maxBytes }),
        ...(maxAge !== undefined && { maxAgeMs: maxAge }),
      };
      const work = async () => {
        await provisionStream(fleet, { log, ...settings });
        await provisionDocuments(fleet, { replicas });
      };
      // Servers that have just been given the account take a moment to give it JetStream.
      const passing = ["HUB_NOT_READY", "HUB_NO_ANSWER", "HUB_NO_JETSTREAM"];
      await patiently(work, (error) => log.warn("trying again", { error }), signal, passing);
    },
  });
  const parts = {
    desk: hub.desk,
    named: () => [],
    refusals: () => hub.refusals,
    connectFleet: hub.connectFleet,
  };
  await using _control = await serveHubControl(dir, parts, log);
  using _care = await careForCertificates({ dir, log });
  const ready = { pid: process.pid, clientUrls: url, leafUrls: leafUrls(setup) };
  const text = `the hub's service is ready: nodes may enrol at ${ready.leafUrls.join(" ")}\nTokens: umec hub token --data ${dir} --name NAME`;
  stdout.write(`${json ? JSON.stringify(ready) : text}\n`);
  if (!signal.aborted) await Promise.race([once(signal, "abort"), hub.lost]);
  if (!signal.aborted)
    throw new UmecError("HUB_FORBIDDEN", "the servers no longer let this service in", {
      hint: "were they laid out anew? Their operator and accounts must be those of this directory",
    });
  log.info("the hub's service stops");
}
