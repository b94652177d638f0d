import { UmecError } from "../errors.ts";
import type { HubSite } from "./setup.ts";

const ports = [4222, 7422, 6222] as const;

/**
 * Servers as an operator writes them: `host`, or `host:<client>:<leaf>:<cluster>` with ports of its own.
 *
 * @throws UmecError `HUB_SERVERS`
 */
export function parseSites(texts: readonly string[]): HubSite[] {
  if (![1, 3, 5].includes(texts.length))
    throw new UmecError("HUB_SERVERS", `a hub of ${texts.length} servers is of no use`, {
      hint: "1, 3 or 5: two go on with one lost no better than one does, as more than half must agree",
    });
  const sites = texts.map((text, index): HubSite => {
    const [, host, ...own] = /^(\[[0-9a-f:.]+\]|[^:[\]/\s]+)(?::(\d+):(\d+):(\d+))?$/i.exec(text) ?? [];
    const [clientPort, leafPort, clusterPort] = ports.map((port, at) => Number(own[at] ?? port));
    if (
      host === undefined ||
      [clientPort, leafPort, clusterPort].some((port) => !(port! > 0 && port! < 65_536))
    )
      throw new UmecError("HUB_SERVERS", `${JSON.stringify(text)} is no server`, {
        hint: "write host, or host:4222:7422:6222 with the ports for clients, nodes and the other servers",
      });
    const name = `server-${"abcde"[index]}`;
    return { name, host, clientPort: clientPort!, leafPort: leafPort!, clusterPort: clusterPort! };
  });
  const taken = new Set(sites.map(({ host, clientPort }) => `${host}:${clientPort}`));
  if (taken.size < sites.length) throw new UmecError("HUB_SERVERS", "two servers have the same address");
  return sites;
}
