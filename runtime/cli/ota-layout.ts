/** The standing of updates for people. */
import type { CampaignStanding, FleetStanding, NodeStanding } from "../hub/campaign-status.ts";
import { describeReport, isEnd } from "../update-wire.ts";
import { formatTable } from "./table.ts";
import { formatDuration, plural } from "./units.ts";

export function formatStanding({ campaigns, nodes }: FleetStanding, nowMs: number): string {
  const lines = campaigns
    .filter(({ campaign }) => campaign.state !== "done")
    .flatMap((one) => [...campaignLines(one), ""]);
  if (nodes.length === 0) return `${[...lines, "the hub knows no node yet"].join("\n")}\n`;
  const titles = ["NODE", "FROM", "TO", "STATE", "SINCE"].map((title) => ({ title }));
  lines.push(
    ...formatTable(
      titles,
      nodes.map((node) => nodeCells(node, nowMs)),
    ),
  );
  const failures = nodes.flatMap(({ node, report }) =>
    report && isEnd(report.phase) && report.phase !== "good" ? [describeReport(node, report)] : [],
  );
  if (failures.length > 0) lines.push("", ...failures);
  return `${lines.join("\n")}\n`;
}

export function formatCampaigns(campaigns: readonly CampaignStanding[]): string {
  if (campaigns.length === 0) return "there was no rollout yet: umec ota push BUNDLE --to 'lamp-*'\n";
  return `${campaigns.flatMap(campaignLines).join("\n")}\n`;
}

function campaignLines({ campaign, tally }: CampaignStanding): string[] {
  const { id, bundle, nodes, to, state, wave, waves, reason } = campaign;
  const of = `${id}: ${bundle.version} to ${plural(nodes.length, "node")} (${to.join(", ")})`;
  const at = `wave ${wave + 1} of ${waves.length}, ${waves[wave]} %`;
  const { told, good, failed, waiting } = tally;
  const counts = [
    `${good} good`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(waiting > 0 ? [`${waiting} on ${waiting === 1 ? "its" : "their"} way`] : []),
    ...(told < nodes.length ? [`${nodes.length - told} not told`] : []),
  ].join(", ");
  const lines = [
    `${of}: ${state === "done" ? "done" : `${state === "stopped" ? "STOPPED" : "under way"} in ${at}`}; ${counts}`,
  ];
  if (state === "stopped") {
    lines.push(`  ${reason ?? "it was stopped"}`);
    lines.push(`  to go on all the same: umec ota resume ${id}`);
  }
  return lines;
}

function nodeCells({ node, order, report }: NodeStanding, nowMs: number): string[] {
  if (!report) return [node, "-", order?.version ?? "-", order ? "not told yet" : "-", "-"];
  const { from = "-", to = "-", phase, storedAtMs } = report;
  const state = phase === "good" || !isEnd(phase) ? phase : phase.toUpperCase();
  return [node, from, to, state, `${formatDuration(nowMs - storedAtMs)} ago`];
}
