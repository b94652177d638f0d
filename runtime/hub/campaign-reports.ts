import type { NatsConnection } from "@nats-io/nats-core";
import { parseReport, updatePlugin } from "../update-wire.ts";
import type { NodeReport } from "./campaign-types.ts";
import { createReader } from "./reader.ts";

/**
 * All that a node has said of updates, in the order in which it said it. What is not by the node is left out (reader.ts).
 *
 * @throws UmecError as the reader does
 */
export async function readUpdates(
  nc: NatsConnection,
  node: string,
  signal?: AbortSignal,
): Promise<NodeReport[]> {
  const samples = createReader(nc).samples({
    node,
    plugin: updatePlugin,
    lane: "alarm",
    ...(signal && { signal }),
  });
  const reports: NodeReport[] = [];
  for await (const { value, timeMs, storedAtMs } of samples) {
    const report = parseReport(value);
    if (report) reports.push({ ...report, atMs: timeMs, storedAtMs });
  }
  return reports;
}

/** What it last said of one order. */
export function lastOf(reports: readonly NodeReport[], id: string): NodeReport | undefined {
  return reports.findLast((report) => report.id === id);
}
