/** What a campaign does next, of what its nodes have said. Pure. */
import { describeReport, isEnd } from "../update-wire.ts";
import type { Campaign, NodeReport } from "./campaign-types.ts";

export type Verdict =
  | { kind: "wait" }
  | { kind: "next-wave" }
  | { kind: "stop"; reason: string }
  | { kind: "done" };

export interface Tally {
  /** Nodes that have been told. */
  told: number;
  good: number;
  failed: number;
  /** Told, and without an end. */
  waiting: number;
}

/** How many nodes, from the first, have been told once a wave has begun. Each wave has one at least, if there are any. */
export function reachOf({ nodes, waves }: Pick<Campaign, "nodes" | "waves">, wave: number): number {
  let reach = 0;
  for (const percent of waves.slice(0, wave + 1)) {
    const wanted = Math.ceil((nodes.length * percent) / 100);
    reach = Math.min(nodes.length, Math.max(wanted, reach + 1));
  }
  return reach;
}

/** Nodes that are to have the order by now. */
export function toldNodes(campaign: Campaign): readonly string[] {
  return campaign.nodes.slice(0, reachOf(campaign, campaign.wave));
}

export function tally(campaign: Campaign, reports: ReadonlyMap<string, NodeReport>): Tally {
  return count(toldNodes(campaign), reports);
}

export function judgeCampaign(
  campaign: Campaign,
  reports: ReadonlyMap<string, NodeReport>,
  nowMs: number,
): Verdict {
  const { nodes, wave, waves, waveAtMs, patienceMs, quorum, maxFailures, forgiven } = campaign;
  const told = toldNodes(campaign);
  const failed = told.flatMap((node): [string, NodeReport][] => {
    const report = reports.get(node);
    const counts = report && isFailure(report) && !forgiven.includes(node);
    return counts ? [[node, report]] : [];
  });
  if (failed.length >= maxFailures) {
    const [node, report] = failed.reduce((last, one) =>
      one[1].storedAtMs >= last[1].storedAtMs ? one : last,
    );
    const others = failed.length > 1 ? `, the last of ${failed.length} that failed` : "";
    return { kind: "stop", reason: `${describeReport(node, report)}${others}` };
  }
  const last = wave === waves.length - 1 || told.length === nodes.length;
  if (count(told, reports).waiting === 0) return { kind: last ? "done" : "next-wave" };
  if (last || patienceMs === undefined || nowMs < waveAtMs + patienceMs) return { kind: "wait" };
  const ofWave = told.slice(wave === 0 ? 0 : reachOf(campaign, wave - 1));
  const { good } = count(ofWave, reports);
  return { kind: good * 100 >= quorum * ofWave.length ? "next-wave" : "wait" };
}

function count(nodes: readonly string[], reports: ReadonlyMap<string, NodeReport>): Tally {
  const said = nodes.map((node) => reports.get(node));
  const good = said.filter((report) => report?.phase === "good").length;
  const failed = said.filter((report) => report && isFailure(report)).length;
  return { told: nodes.length, good, failed, waiting: nodes.length - good - failed };
}

function isFailure({ phase }: NodeReport): boolean {
  return isEnd(phase) && phase !== "good";
}
