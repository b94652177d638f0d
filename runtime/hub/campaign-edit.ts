/** What an operator does with campaigns; the engine (campaign.ts) does the rest, wherever it runs. */
import { randomBytes } from "node:crypto";
import type { NatsConnection } from "@nats-io/nats-core";
import { isUmecError, UmecError } from "../errors.ts";
import type { BundleInfo } from "../update/types.ts";
import { orderIdSyntax } from "../update-wire.ts";
import { drawOrder, knownNodes, matchNodes } from "./campaign-nodes.ts";
import {
  listCampaigns,
  mostNodes,
  provisionCampaigns,
  readCampaign,
  writeCampaign,
} from "./campaign-store.ts";
import type { Campaign } from "./campaign-types.ts";

const mostTries = 10;

export interface NewCampaign {
  bundle: BundleInfo;
  permit?: string;
  /** Patterns of nodes' names. */
  to: readonly string[];
  /** @default made of the version */
  id?: string;
  /** Per cent of the nodes, ascending. @default [100] */
  waves?: readonly number[];
  /** @default 1 */
  maxFailures?: number;
  /** @default until they answer */
  patienceMs?: number;
  /** @default 90 */
  quorum?: number;
}

/**
 * Writes a campaign down; the hub begins with it at once.
 *
 * @throws UmecError `HUB_QUERY_INVALID`, `HUB_CAMPAIGN_EMPTY`, `HUB_CAMPAIGN_TOO_LARGE`, `HUB_CAMPAIGN_OVERLAPS`,
 *   `HUB_CAMPAIGN_EXISTS`, and as `hubError` has it
 */
export async function createCampaign(nc: NatsConnection, asked: NewCampaign): Promise<Campaign> {
  const { bundle, permit, to, patienceMs } = asked;
  const id = asked.id ?? idFor(bundle);
  if (!orderIdSyntax.test(id)) {
    throw new UmecError("HUB_QUERY_INVALID", `${JSON.stringify(id)} is no id of a rollout`, {
      hint: "1 to 63 characters of a-z, 0-9 and -",
    });
  }
  const waves = checkWaves(asked.waves ?? [100]);
  const nodes = drawOrder(id, matchNodes(await knownNodes(nc), to));
  if (nodes.length > mostNodes) {
    throw new UmecError(
      "HUB_CAMPAIGN_TOO_LARGE",
      `one rollout is for ${mostNodes} nodes at most, not ${nodes.length}`,
      {
        hint: "make several, with patterns of fewer nodes",
      },
    );
  }
  const running = (await listCampaigns(nc)).filter(({ campaign }) => campaign.state === "running");
  for (const { campaign } of running) {
    const both = campaign.nodes.find((node) => nodes.includes(node));
    if (both === undefined) continue;
    throw new UmecError(
      "HUB_CAMPAIGN_OVERLAPS",
      `${both} is in the rollout ${campaign.id}, which is under way`,
      {
        hint: `stop that one first: umec ota stop ${campaign.id}`,
      },
    );
  }
  const nowMs = Date.now();
  const campaign: Campaign = {
    version: 1,
    id,
    bundle,
    ...(permit !== undefined && { permit }),
    to,
    nodes,
    waves,
    maxFailures: asked.maxFailures ?? 1,
    ...(patienceMs !== undefined && { patienceMs }),
    quorum: asked.quorum ?? 90,
    createdAtMs: nowMs,
    state: "running",
    wave: 0,
    waveAtMs: nowMs,
    forgiven: [],
  };
  await provisionCampaigns(nc);
  try {
    await writeCampaign(nc, campaign, 0);
  } catch (cause) {
    if (!isUmecError(cause, "HUB_CAMPAIGN_CHANGED")) throw cause;
    const hint = "give another one with --id; an id is used once, as nodes do it once";
    throw new UmecError("HUB_CAMPAIGN_EXISTS", `there is a rollout ${id} already`, { cause, hint });
  }
  return campaign;
}

/** @throws UmecError `HUB_CAMPAIGN_UNKNOWN`, `HUB_CAMPAIGN_STATE`, `HUB_CAMPAIGN_CHANGED` */
export async function stopCampaign(nc: NatsConnection, id: string, reason: string): Promise<void> {
  await change(nc, id, (campaign) => {
    if (campaign.state !== "running") throw stateFault(campaign, "is not under way");
    return { ...campaign, state: "stopped", reason };
  });
}

/**
 * Goes on with the wave at which it stopped. Failures so far no longer count; nodes that failed are not told again.
 *
 * @param failed the nodes that have failed so far
 * @throws UmecError as {@link stopCampaign}
 */
export async function resumeCampaign(
  nc: NatsConnection,
  id: string,
  failed: readonly string[],
): Promise<void> {
  await change(nc, id, (campaign) => {
    if (campaign.state !== "stopped") throw stateFault(campaign, "was not stopped");
    const { reason: _, withdrawn: __, ...rest } = campaign;
    const forgiven = [...new Set([...campaign.forgiven, ...failed])];
    return { ...rest, state: "running", waveAtMs: Date.now(), forgiven };
  });
}

/** Of the newest; the engine may be writing it too. */
async function change(
  nc: NatsConnection,
  id: string,
  changed: (campaign: Campaign) => Campaign,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const found = await readCampaign(nc, id);
    if (!found) {
      const hint = "umec ota list shows them";
      throw new UmecError("HUB_CAMPAIGN_UNKNOWN", `there is no rollout ${id}`, { hint });
    }
    try {
      await writeCampaign(nc, changed(found.campaign), found.revision);
      return;
    } catch (error) {
      if (!isUmecError(error, "HUB_CAMPAIGN_CHANGED") || tries === mostTries) throw error;
    }
  }
}

function stateFault({ id, state }: Campaign, what: string): UmecError {
  return new UmecError("HUB_CAMPAIGN_STATE", `the rollout ${id} ${what}: it is ${state}`);
}

function checkWaves(waves: readonly number[]): readonly number[] {
  const fits = waves.every((percent, i) => percent > (waves[i - 1] ?? 0) && percent <= 100);
  if (waves.length > 0 && fits) return waves.at(-1) === 100 ? waves : [...waves, 100];
  throw new UmecError("HUB_QUERY_INVALID", `${waves.join(", ")} are no waves`, {
    hint: "name growing parts of the nodes, in per cent: 5%,25%,100%",
  });
}

function idFor({ version }: BundleInfo): string {
  const words = version
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 50);
  return `${words}-${randomBytes(2).toString("hex")}`;
}
