import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurable } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";

/** One server of a hub that `umec hub init` has laid out. */
export interface HubSite {
  /** `server-a`: its folder, and its name for nats-server. */
  name: string;
  /** A DNS name or an address, by which nodes, readers and the other servers reach it; IPv6 in brackets. */
  host: string;
  clientPort: number;
  leafPort: number;
  clusterPort: number;
}

/** `secret/hub.json`: what the directory of a hub was laid out for. */
export interface HubSetup {
  version: 1;
  sites: HubSite[];
  /** Names and addresses besides the sites' own. */
  hosts: string[];
  /** The user's own operator, whose signing key signs; `secret/system.creds` is then of its system account. */
  ownOperator?: true;
}

/** What lies where in a hub's directory. */
export const layout = {
  secret: (dir: string) => join(dir, "secret"),
  tls: (dir: string) => join(dir, "secret", "tls"),
  /** What the people who need it are given. */
  ca: (dir: string) => join(dir, "ca.pem"),
  systemCredentials: (dir: string) => join(dir, "secret", "system.creds"),
  certificate: (dir: string, { name }: HubSite) => join(dir, name, "server.pem"),
  siteCa: (dir: string, { name }: HubSite) => join(dir, name, "ca.pem"),
};

export function clientUrls({ sites }: HubSetup): string[] {
  return sites.map(({ host, clientPort }) => `tls://${host}:${clientPort}`);
}

export function leafUrls({ sites }: HubSetup): string[] {
  return sites.map(({ host, leafPort }) => `tls://${host}:${leafPort}`);
}

export function copiesOf({ sites }: HubSetup): number {
  return sites.length >= 3 ? 3 : 1;
}

/** @throws UmecError `HUB_INIT_MISSING` */
export async function readSetup(dir: string): Promise<HubSetup> {
  const path = join(layout.secret(dir), "hub.json");
  try {
    const setup: HubSetup = JSON.parse(await readFile(path, "utf8"));
    if (setup.version !== 1 || !Array.isArray(setup.sites)) throw new Error("it is of another version");
    return setup;
  } catch (cause) {
    throw new UmecError("HUB_INIT_MISSING", `${path} can't be read: ${messageOf(cause)}`, {
      cause,
      hint: "name the directory that `umec hub init` made",
    });
  }
}

export async function writeSetup(dir: string, setup: HubSetup): Promise<void> {
  await writeDurable(join(layout.secret(dir), "hub.json"), `${JSON.stringify(setup, null, 2)}\n`);
}
