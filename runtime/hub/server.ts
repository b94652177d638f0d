/**
 * The embedded hub: one nats-server with JetStream that the program starts itself, for a fleet without a NATS
 * cluster of its own.
 *
 * What it promises:
 * 1. **A PubAck means on disk.** `sync_interval: always`: JetStream syncs the file before it acknowledges.
 *    (nats-server's default syncs every 2 minutes, and a power cut takes what was acknowledged since.)
 * 2. **A node can only write its own chains**, even if its credentials are stolen. Each node has an account
 *    of its own that imports from FLEET, as services, its chains `umec.<node>.>` and the look-up of their
 *    last messages, `hub.last.umec.<node>.>`. In one shared account a node could write on another's chain
 *    through the reply subject of a publish, which permissions do not cover.
 * 3. **A link that died unseen locks nobody out**: a node may have two, and the new one of the same server
 *    name replaces the old at once.
 * 4. **Credentials stay valid.** All seeds are in `keys.json`; a node that is named again gets its old keys.
 * 5. **A node that enrols is as good as one that was named**, and has keys that the hub never saw. With `enrolment` the hub
 *    answers those who have a token (`enrol-service.ts`); who has enrolled may link either way.
 *
 * Files in `dir`, all private: `keys.json` (seeds: operator, system, fleet's and enrolment's account, and each node's
 * account and signing key), `registry.json` (who enrolled, and tokens), `targets/`, `creds/<node>.creds`, `fleet.creds`
 * once it was asked for, `jetstream/`, and nats-server's configuration and pid file.
 * Each is written whole: after a crash the old or the new one is there. A node's keys are on disk before its
 * credentials are, so a `.creds` file never names a key that was forgotten.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type AccountClaims, connectUser, createUser, Realm } from "../nats/claims.ts";
import { type NatsConfig, startNatsServer } from "../nats/server-process.ts";
import type { AccountPublisher } from "./account-publisher.ts";
import { coalesce } from "./coalesce.ts";
import { type EnrolDesk, openDesk, revocationsOf } from "./desk.ts";
import { type Enrolment, startEnrolment } from "./enrol-start.ts";
import { dialHost, isLoopback, parseListen } from "./listen.ts";
import { enrolAccount, fleetAccount, nodeAccount } from "./server-accounts.ts";

export interface HubServerOptions {
  /** Made if it is missing; belongs to this hub alone. */
  dir: string;
  /** As `findNatsServer` found it. */
  natsServerPath: string;
  /** Names of the nodes that may link with credentials of the hub's making. Those that have enrolled come besides. */
  nodes: readonly string[];
  /** Answers nodes that have a token, and renews their claims. @default nobody is answered */
  enrolment?: EnrolmentOptions;
  /** `host:port` for clients; port 0 is any free one. Beyond loopback it needs `tls`. @default "127.0.0.1:0" */
  listen?: string;
  /** `host:port` for nodes. Beyond loopback it needs `tls`. @default "127.0.0.1:0" */
  leafListen?: string;
  /** For nodes, and for clients where those come from other machines. */
  tls?: HubTls;
  log: Log;
  /** Stops the hub. */
  signal?: AbortSignal;
  /** Soft limit of nats-server's heap. @default 256 MiB */
  memoryLimitBytes?: number;
}

/** PEM files. */
export interface HubTls {
  certFile: string;
  keyFile: string;
  /** The CAs of the hub's own that nodes are told to trust when they renew. @default they are told none */
  caFile?: string;
}

export interface EnrolmentOptions {
  /** How long a node's claims hold, in milliseconds. @default 90 days */
  validMs?: number;
}

export interface HubServer extends AsyncDisposable {
  readonly clientUrl: string;
  /** What a node's `link.urls` holds. */
  readonly leafUrl: string;
  /** A connection in the fleet's account, which holds the streams; it may do all there. */
  connectFleet(): Promise<NatsConnection>;
  /** The `.creds` file of a user like that of `connectFleet`, for other processes. Made at the first call. */
  fleetCredentialsFile(): Promise<string>;
  /** Tokens, and nodes that have enrolled. */
  readonly desk: EnrolDesk;
  /** How often each reason for a refusal came since the start; nothing without `enrolment`. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Those that have a `.creds` file here. */
  readonly namedNodes: readonly string[];
  /** The node's `.creds` file. Throws `HUB_NODE_UNKNOWN`, also for one that has enrolled: it has none. */
  credentialsFile(node: string): string;
  /** Names the nodes that may link from now on; a node that is neither among them nor enrolled is cut off. */
  setNodes(nodes: readonly string[]): Promise<void>;
  /** Has the files of `tls` read again: for new handshakes; links and connections stay. */
  reloadCertificates(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the hub and resolves when it takes connections.
 *
 * @throws UmecError `HUB_TLS_REQUIRED` when nodes are to link from other machines without TLS, and what
 *   `startNatsServer` throws.
 */
export async function startHubServer(options: HubServerOptions): Promise<HubServer> {
  const { dir, log, tls } = options;
  const client = parseListen(options.listen ?? "127.0.0.1:0");
  const leaf = parseListen(options.leafListen ?? "127.0.0.1:0");
  for (const [name, { host, port }] of Object.entries({ listen: client, leafListen: leaf })) {
    if (tls || isLoopback({ host, port })) continue;
    throw new UmecError("HUB_TLS_REQUIRED", `${name} ${host}:${port} is open to other machines without TLS`, {
      hint: "give tls.certFile and tls.keyFile, or listen on 127.0.0.1",
    });
  }
  const clientTls = tls && !isLoopback(client);
  const tlsBlock = tls
    ? `cert_file: ${JSON.stringify(tls.certFile)}, key_file: ${JSON.stringify(tls.keyFile)}, min_version: "1.3", timeout: 10`
    : "";
  const desk = await openDesk({
    dir,
    log,
    apply: (node) => apply(node),
    ...(tls?.caFile !== undefined && { caFile: tls.caFile }),
    ...(options.enrolment?.validMs !== undefined && { validMs: options.enrolment.validMs }),
  });
  const { keys, registry } = desk;
  const realm = new Realm("hub", keys.operator, keys.system);
  // What buckets may take at most is no promise of space: else JetStream sets it aside, and a disk of 100 GB is full with
  // a hundred nodes. A disk that does fill up refuses, and nodes keep what is theirs.
  const storeLimit = "1PB";
  const configFor = async (accounts: readonly AccountClaims[]): Promise<NatsConfig> => {
    const claims = await realm.config(accounts);
    return (ports) => `server_name: hub
listen: ${JSON.stringify(`${client.host}:${client.port || ports.client}`)}
${clientTls ? `tls: { ${tlsBlock}, handshake_first: auto }` : ""}
max_payload: ${2 ** 20}
ping_interval: "15s"
ping_max: 2
jetstream {
  store_dir: ${JSON.stringify(dir)}
  domain: hub
  max_file_store: ${storeLimit}
  sync_interval: always
}
leafnodes {
  listen: ${JSON.stringify(`${leaf.host}:${leaf.port || ports.leaf}`)}
  no_advertise: true
  compression: { mode: s2_better }
  ${tls ? `tls: { ${tlsBlock}, handshake_first: true }` : ""}
}
${claims}`;
  };

  let named = [...new Set(options.nodes)];
  const withCredentials = () => named.filter((node) => !registry.nodes.has(node));
  await keys.admit(named);
  await keys.provideCredentials(withCredentials());
  const server = await startNatsServer({
    path: options.natsServerPath,
    dir,
    name: "hub",
    config: await configFor(hubAccounts(desk, named)),
    log,
    memoryLimitBytes: options.memoryLimitBytes ?? 256 * 2 ** 20,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const publisher: AccountPublisher = {
    publish: async (accounts) => server.reload(await configFor(accounts)),
  };
  const publish = coalesce(() => publisher.publish(hubAccounts(desk, named)));
  let apply = async (_node: string): Promise<void> => publish();
  let changes: Promise<unknown> = Promise.resolve();
  let enrolment: Enrolment | undefined;

  const clientUrl = `${clientTls ? "tls" : "nats"}://${dialHost(client)}:${server.ports.client}`;
  // Its own process on this machine: no name there has to be that of the certificate.
  const address = { url: clientUrl, ...(clientTls && { tls: { rejectUnauthorized: false } }) };
  const connectFleet = async () => {
    const credentials = await createUser(keys.fleet, "fleet", { allowed_connection_types: ["STANDARD"] });
    return connectUser({ ...address, credentials, name: "fleet", inboxPrefix: "_INBOX_fleet" });
  };
  const stop = async () => {
    await enrolment?.[Symbol.asyncDispose]();
    await server.stop();
  };
  if (options.enrolment) {
    try {
      enrolment = await startEnrolment({ desk, publish, connectFleet, address });
      apply = enrolment.apply;
    } catch (error) {
      await stop();
      throw error;
    }
  }
  return {
    clientUrl,
    leafUrl: `${tls ? "tls" : "nats-leaf"}://${dialHost(leaf)}:${server.ports.leaf}`,
    connectFleet,
    fleetCredentialsFile: () => keys.provideFleetCredentials(),
    desk,
    get refusals() {
      return enrolment?.refusals ?? {};
    },
    get namedNodes() {
      return withCredentials();
    },
    credentialsFile(node) {
      if (withCredentials().includes(node)) return keys.credentialsFile(node);
      throw new UmecError("HUB_NODE_UNKNOWN", `the hub has no credentials for a node ${node}`, {
        hint: "name it in setNodes; one that has enrolled has keys of its own",
      });
    },
    setNodes(next) {
      const change = changes.then(async () => {
        const wanted = [...new Set(next)];
        await keys.admit(wanted);
        await keys.provideCredentials(wanted.filter((node) => !registry.nodes.has(node)));
        const before = named;
        named = wanted;
        await publish().catch((error: unknown) => {
          named = before;
          throw error;
        });
      });
      changes = change.catch(() => undefined);
      return change;
    },
    reloadCertificates: () => publish(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** All that the hub's nats-servers are to know; FLEET first. */
export function hubAccounts(desk: EnrolDesk, named: readonly string[]): AccountClaims[] {
  const { keys, registry } = desk;
  const nodes = [...new Set([...named, ...registry.nodes.keys()])].sort();
  const { fleet, enrol } = keys;
  return [
    fleetAccount(
      fleet,
      nodes.map((node) => [node, keys.node(node)]),
    ),
    enrolAccount(enrol),
    ...nodes.map((node) => {
      const revocations = revocationsOf(desk, node);
      return nodeAccount(node, keys.node(node), { fleet, enrol, ...(revocations && { revocations }) });
    }),
  ];
}
