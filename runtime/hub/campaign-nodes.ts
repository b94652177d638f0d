/** Which nodes there are, by what the fleet's account holds, and which of them a rollout is for. */
import { createHash } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { nameSyntax, objectStream, streamName } from "../subjects.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";
import { createNodeRecords } from "./node-records.ts";

/**
 * The names of all nodes that enrolled, were given a bucket, or have stored something; without those that were revoked. Sorted.
 *
 * @throws UmecError as `hubError` has it
 */
export async function knownNodes(nc: NatsConnection): Promise<string[]> {
  const names = new Set<string>();
  try {
    const { streams } = await jetstreamManager(nc, { checkAPI: false });
    for await (const stream of streams.names()) {
      const prefix = objectStream("");
      if (stream.startsWith(prefix)) names.add(stream.slice(prefix.length));
    }
    const stored = await streams.info(streamName, { subjects_filter: "umec.>" }).catch((error: unknown) => {
      if (apiCode(error) === apiCodes.streamNotFound) return undefined;
      throw error;
    });
    for (const subject of Object.keys(stored?.state.subjects ?? {})) names.add(subject.split(".")[1] ?? "");
  } catch (error) {
    throw hubError("list the nodes", error);
  }
  for (const { record } of await createNodeRecords(nc).list()) {
    if (record.state === "revoked") names.delete(record.node);
    else names.add(record.node);
  }
  return [...names].filter((name) => nameSyntax.test(name)).sort();
}

/**
 * Those that a pattern names: `*` stands for any characters, `?` for one.
 *
 * @throws UmecError `HUB_QUERY_INVALID`, `HUB_CAMPAIGN_EMPTY`
 */
export function matchNodes(nodes: readonly string[], patterns: readonly string[]): string[] {
  const tests = patterns.map((pattern) => {
    if (!/^[a-z0-9*?-]{1,63}$/.test(pattern)) {
      throw new UmecError("HUB_QUERY_INVALID", `${JSON.stringify(pattern)} is no pattern of nodes' names`, {
        hint: "names have a-z, 0-9 and -; * stands for any of them, ? for one: 'site-a-*'",
      });
    }
    const source = pattern.replaceAll("*", "[a-z0-9-]*").replaceAll("?", "[a-z0-9-]");
    return new RegExp(`^${source}$`);
  });
  for (const [i, one] of tests.entries()) {
    if (nodes.some((node) => one.test(node))) continue;
    throw new UmecError("HUB_CAMPAIGN_EMPTY", `no node that the hub knows is called ${patterns[i]}`, {
      hint: "umec ota status lists them",
    });
  }
  return nodes.filter((node) => tests.some((one) => one.test(node)));
}

/** The order in which nodes get their turn: as good as drawn by lot, and the same each time for one id. */
export function drawOrder(id: string, nodes: readonly string[]): string[] {
  const lot = (node: string) => createHash("sha256").update(`${id} ${node}`).digest("hex");
  return nodes
    .map((node): [string, string] => [lot(node), node])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, node]) => node);
}
