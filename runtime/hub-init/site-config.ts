import type { HubSetup, HubSite } from "./setup.ts";

export interface SiteConfigOptions {
  setup: HubSetup;
  site: HubSite;
  /** Address that it listens on. */
  listen: string;
  /** JWT of the operator. */
  operator: string;
  /** Public key. */
  systemAccount: string;
  /** JWTs of accounts that it knows from the start, by their public keys. */
  preload: ReadonlyMap<string, string>;
}

/**
 * The nats-server configuration of one server. Paths in it are relative: nats-server takes them from where it was started.
 *
 * - TLS 1.3 and no older. Nodes begin with the handshake (`handshake_first`): nothing goes over the line in the clear, and
 *   who can't show a certificate that the node trusts is told nothing. Clients may, and the server waits a moment for it:
 *   tools of other people begin with nats-server's greeting. Routes ask each other for a certificate of the hub's CA.
 * - 10 s for a handshake: nats-server's 2 s are short for a small board on a slow line.
 * - The largest message is 8 MiB, since the accounts' JWTs travel as messages: that of FLEET grows by 0.6 kB with each node.
 * - Servers compare their accounts every 10 s, so one that was away while a node was revoked learns of it soon.
 */
export function siteConfig(options: SiteConfigOptions): string {
  const { setup, site, listen, operator, systemAccount, preload } = options;
  const others = setup.sites.filter(({ name }) => name !== site.name);
  const at = (port: number) => JSON.stringify(`${listen}:${port}`);
  const routes = others.map(({ host, clusterPort }) => JSON.stringify(`tls://${host}:${clusterPort}`));
  const tls = `cert_file: "server.pem", key_file: "server.pem", min_version: "1.3", timeout: 10`;
  const cluster = `cluster {
  name: umec-hub
  listen: ${at(site.clusterPort)}
  advertise: ${JSON.stringify(`${site.host}:${site.clusterPort}`)}
  routes: [${routes.join(", ")}]
  tls { ${tls}, ca_file: "ca.pem", verify: true }
}
`;
  return `# nats-server -c ${site.name}.conf, started in this directory; ../README.txt says more.
server_name: ${site.name}
listen: ${at(site.clientPort)}
client_advertise: ${JSON.stringify(`${site.host}:${site.clientPort}`)}
tls { ${tls}, handshake_first: auto }
max_payload: ${8 * 2 ** 20}
ping_interval: "15s"
ping_max: 2
jetstream {
  store_dir: "data"
  domain: hub
  sync_interval: always
}
leafnodes {
  listen: ${at(site.leafPort)}
  no_advertise: true
  compression: { mode: s2_better }
  tls { ${tls}, handshake_first: true }
}
${others.length > 0 ? cluster : ""}operator: ${operator}
system_account: ${systemAccount}
resolver {
  type: full
  dir: "data/accounts"
  allow_delete: true
  interval: "10s"
}
resolver_preload {
${[...preload].map(([key, jwt]) => `  ${key}: ${jwt}`).join("\n")}
}
`;
}
