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
 *
 * Files in `dir`, all private: `keys.json` (seeds: operator, system and fleet account, and each node's
 * account and signing key), `creds/<node>.creds`, `fleet.creds` once it was asked for, `jetstream/`, and
 * nats-server's configuration and pid file.
 * Each is written whole: after a crash the old or the new one is there. A node's keys are on disk before its
 * credentials are, so a `.creds` file never names a key that was forgotten.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { connectUser, createUser, Realm } from "../nats/claims.ts";
import { type NatsConfig, startNatsServer } from "../nats/server-process.ts";
import { dialHost, isLoopback, parseListen } from "./listen.ts";
import { fleetAccount, nodeAccount } from "./server-accounts.ts";
import { HubKeys } from "./server-keys.ts";

export interface HubServerOptions {
  /** Made if it is missing; belongs to this hub alone. */
  dir: string;
  /** As `findNatsServer` found it. */
  natsServerPath: string;
  /** Names of the nodes that may link. */
  nodes: readonly string[];
  /** `host:port` for clients; port 0 is any free one. @default "127.0.0.1:0" */
  listen?: string;
  /** `host:port` for nodes. Beyond loopback it needs `tls`. @default "127.0.0.1:0" */
  leafListen?: string;
  /** PEM files. */
  tls?: { certFile: string; keyFile: string };
  log: Log;
  /** Stops the hub. */
  signal?: AbortSignal;
  /** Soft limit of nats-server's heap. @default 256 MiB */
  memoryLimitBytes?: number;
}

export interface HubServer extends AsyncDisposable {
  readonly clientUrl: string;
  /** What a node's `link.urls` holds. */
  readonly leafUrl: string;
  /** A connection in the fleet's account, which holds the streams; it may do all there. */
  connectFleet(): Promise<NatsConnection>;
  /** The `.creds` file of a user like that of `connectFleet`, for other processes. Made at the first call. */
  fleetCredentialsFile(): Promise<string>;
  /** The node's `.creds` file. Throws `HUB_NODE_UNKNOWN`. */
  credentialsFile(node: string): string;
  /** Names the nodes that may link from now on; a node that is not among them is cut off. */
  setNodes(nodes: readonly string[]): Promise<void>;
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
  if (!tls && !isLoopback(leaf)) {
    throw new UmecError(
      "HUB_TLS_REQUIRED",
      `leafListen ${leaf.host}:${leaf.port} is open to other machines without TLS`,
      {
        hint: "give tls.certFile and tls.keyFile, or listen on 127.0.0.1",
      },
    );
  }
  const keys = await HubKeys.open(dir);
  const realm = new Realm("hub", keys.operator, keys.system);

  const configFor = async (nodes: readonly string[]): Promise<NatsConfig> => {
    const fleet = keys.fleet;
    const accounts = nodes.map((node) => nodeAccount(node, keys.node(node), fleet));
    const claims = await realm.config([
      fleetAccount(
        fleet,
        nodes.map((node) => [node, keys.node(node)]),
      ),
      ...accounts,
    ]);
    return (ports) => `server_name: hub
listen: ${JSON.stringify(`${client.host}:${client.port || ports.client}`)}
max_payload: ${2 ** 20}
ping_interval: "15s"
ping_max: 2
jetstream {
  store_dir: ${JSON.stringify(dir)}
  domain: hub
  sync_interval: always
}
leafnodes {
  listen: ${JSON.stringify(`${leaf.host}:${leaf.port || ports.leaf}`)}
  no_advertise: true
  compression: { mode: s2_better }
  ${tls ? `tls: { cert_file: ${JSON.stringify(tls.certFile)}, key_file: ${JSON.stringify(tls.keyFile)} }` : ""}
}
${claims}`;
  };

  let nodes = [...new Set(options.nodes)];
  await keys.admit(nodes);
  const server = await startNatsServer({
    path: options.natsServerPath,
    dir,
    name: "hub",
    config: await configFor(nodes),
    log,
    memoryLimitBytes: options.memoryLimitBytes ?? 256 * 2 ** 20,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  let changes: Promise<unknown> = Promise.resolve();

  const clientUrl = `nats://${dialHost(client)}:${server.ports.client}`;
  return {
    clientUrl,
    leafUrl: `${tls ? "tls" : "nats-leaf"}://${dialHost(leaf)}:${server.ports.leaf}`,
    async connectFleet() {
      const credentials = await createUser(keys.fleet, "fleet", { allowed_connection_types: ["STANDARD"] });
      return connectUser({ url: clientUrl, credentials, name: "fleet", inboxPrefix: "_INBOX_fleet" });
    },
    fleetCredentialsFile: () => keys.provideFleetCredentials(),
    credentialsFile(node) {
      if (nodes.includes(node)) return keys.credentialsFile(node);
      throw new UmecError("HUB_NODE_UNKNOWN", `the hub knows no node ${node}`, {
        hint: "name it in setNodes",
      });
    },
    setNodes(next) {
      const change = changes.then(async () => {
        const wanted = [...new Set(next)];
        await keys.admit(wanted);
        await server.reload(await configFor(wanted));
        nodes = wanted;
      });
      changes = change.catch(() => undefined);
      return change;
    },
    stop: () => server.stop(),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
