import type { NatsConfig, NatsPorts } from "../nats/server-process.ts";
import type { LinkRemote } from "./types.ts";

export interface BusConfigOptions {
  node: string;
  /** The part with operator and accounts. */
  realm: string;
  /** Public key of the account that the link belongs to. */
  uplink: string;
  link: LinkRemote | undefined;
  /** The part for applications. @default they can't reach it */
  websocket?: ((ports: NatsPorts) => string) | undefined;
  /** This start's own waiting time between attempts; see `drawReconnectMs`. */
  reconnectMs: number;
}

/**
 * The text of the node's nats-server configuration.
 *
 * The server's name is the node's: by it the hub replaces a link that died unseen by the new one at once.
 * Compression is s2_better: within a fifth of s2_best's size, with half of its memory and a third of its processor
 * time (bench/README.md), while nats-server's own choice (s2_auto) leaves a fast line uncompressed, however dear
 * its bytes are.
 * Pings of 15 s find a dead link within 45 s; nats-server's own default takes up to 6 minutes.
 */
export function busConfig(options: BusConfigOptions): NatsConfig {
  const { node, realm, link, websocket } = options;
  return (ports) => `server_name: ${node}
listen: "127.0.0.1:${ports.client}"
max_payload: ${maxPayloadBytes}
max_pending: ${maxPendingBytes}
ping_interval: "15s"
ping_max: 2
${realm}${websocket?.(ports) ?? ""}leafnodes {
  reconnect: "${options.reconnectMs}ms"
  remotes: [${link ? remote(options.uplink, link) : ""}]
}
`;
}

/** A frame with room for its headers. */
const maxPayloadBytes = 2 ** 20;
/** What may wait for one slow reader before it is cut off; a flood must not fill a small board's memory. */
const maxPendingBytes = 8 * 2 ** 20;

function remote(uplink: string, link: LinkRemote): string {
  const lines = [
    `urls: ${JSON.stringify(link.urls)}`,
    `account: ${uplink}`,
    `deny_exports: ["in.>"]`,
    `deny_imports: ["in.>"]`,
    "ignore_discovered_servers: true",
    "compression: { mode: s2_better }",
    ...(link.credentialsFile ? [`credentials: ${JSON.stringify(link.credentialsFile)}`] : []),
    ...(link.tls || link.urls.some((url) => url.startsWith("tls:")) ? [tlsOf(link)] : []),
  ];
  return `\n    {\n      ${lines.join("\n      ")}\n    }\n  `;
}

/**
 * The node begins with the handshake, so nothing is said in the clear; and gives it 10 s, as nats-server's own 2 s are
 * short on a slow line. With a CA of its own it trusts that one alone, none of the system's.
 */
function tlsOf({ tls }: LinkRemote): string {
  const ca = tls ? `, ca_file: ${JSON.stringify(tls.caFile)}` : "";
  return `tls: { handshake_first: true, min_version: "1.3", timeout: 10${ca} }`;
}

/** A time within ±50 % of the mean, so that nodes cut off together do not return together. */
export function drawReconnectMs(meanMs: number, random: () => number = Math.random): number {
  return Math.max(1, Math.round(meanMs * (0.5 + random())));
}
