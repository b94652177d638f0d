/** How the fleet stands with updates, for people and programs. */
import type { NatsConnection } from "@nats-io/nats-core";
import { isEnd, parseOrder } from "../update-wire.ts";
import { type Tally, tally, toldNodes } from "./campaign-judge.ts";
import { knownNodes, matchNodes } from "./campaign-nodes.ts";
import { lastOf, readUpdates } from "./campaign-reports.ts";
import { listCampaigns, readCampaign } from "./campaign-store.ts";
import type { Campaign, NodeReport } from "./campaign-types.ts";
import { readDocument } from "./documents.ts";

export interface NodeStanding {
  node: string;
  /** What the hub wants of it. */
  order?: { id: string; version: string };
  /** What it said last, of that order or of anything. */
  report?: NodeReport;
}

export interface CampaignStanding {
  campaign: Campaign;
  tally: Tally;
  /** Nodes of it that refused it, failed or fell back. */
  failed: string[];
}

export interface FleetStanding {
  /** Oldest first. */
  campaigns: CampaignStanding[];
  /** By name. */
  nodes: NodeStanding[];
}

const atOnce = 16;

/**
 * @param options.patterns of nodes' names. @default all
 * @throws UmecError `HUB_QUERY_INVALID`, `HUB_CAMPAIGN_EMPTY`, and as `hubError` has it
 */
export async function readStanding(
  nc: NatsConnection,
  options: { patterns?: readonly string[]; signal?: AbortSignal } = {},
): Promise<FleetStanding> {
  const { patterns = [], signal } = options;
  const known = await knownNodes(nc);
  const shown = new Set(patterns.length === 0 ? known : matchNodes(known, patterns));
  const campaigns = (await listCampaigns(nc)).map(({ campaign }) => campaign);
  const asked = campaigns.flatMap((campaign) => toldNodes(campaign));
  const said = new Map<string, readonly NodeReport[]>();
  const nodes: NodeStanding[] = [];
  await each([...new Set([...shown, ...asked])], async (node) => {
    signal?.throwIfAborted();
    const reports = await readUpdates(nc, node, signal);
    said.set(node, reports);
    if (shown.has(node)) nodes.push({ node, ...(await standingOf(nc, node, reports)) });
  });
  return {
    campaigns: campaigns.map((campaign) => {
      const { id } = campaign;
      const told = toldNodes(campaign);
      const last = new Map(
        told.flatMap((node): [string, NodeReport][] => {
          const report = lastOf(said.get(node) ?? [], id);
          return report ? [[node, report]] : [];
        }),
      );
      const failed = [...last].filter(([, { phase }]) => isEnd(phase) && phase !== "good");
      return { campaign, tally: tally(campaign, last), failed: failed.map(([node]) => node) };
    }),
    nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)),
  };
}

/** The nodes of a rollout that refused it, failed or fell back. @throws UmecError as {@link readStanding} */
export async function readFailures(nc: NatsConnection, id: string, signal?: AbortSignal): Promise<string[]> {
  const stored = await readCampaign(nc, id);
  const failed: string[] = [];
  await each(stored ? toldNodes(stored.campaign) : [], async (node) => {
    const report = lastOf(await readUpdates(nc, node, signal), id);
    if (report && isEnd(report.phase) && report.phase !== "good") failed.push(node);
  });
  return failed.sort();
}

async function standingOf(
  nc: NatsConnection,
  node: string,
  reports: readonly NodeReport[],
): Promise<Omit<NodeStanding, "node">> {
  const document = await readDocument(nc, node, "update");
  let order: NodeStanding["order"];
  try {
    const said = document && parseOrder(document.body);
    if (said) order = { id: said.id, version: said.bundle.version };
  } catch {
    // It was written by another version of this program.
  }
  // Of an order that it has said nothing of yet, what it said of others is no news.
  const report = order ? lastOf(reports, order.id) : reports.at(-1);
  return { ...(order && { order }), ...(report && { report }) };
}

async function each(nodes: readonly string[], work: (node: string) => Promise<void>): Promise<void> {
  const left = nodes.values();
  const workers = Array.from({ length: Math.min(atOnce, nodes.length) }, async () => {
    for (const node of left) await work(node);
  });
  await Promise.all(workers);
}
