/**
 * Campaigns at the hub: the key-value bucket CAMPAIGNS in the fleet's account, by id, as JSON.
 *
 * Whoever changes one writes it with the revision that was read, so that of two who change it one must look again:
 * the engine (campaign.ts) and an operator's command.
 */
import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { streamName } from "../subjects.ts";
import { orderIdSyntax } from "../update-wire.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";
import { bucketConfig, isOvertaken, listKeys, managerOf, readEntry } from "./bucket.ts";
import type { Campaign } from "./campaign-types.ts";

/** Every change of a campaign is a message below it. */
export const campaignsRoot = "$KV.CAMPAIGNS";
/** What fits into one message, with room for names of 60 characters. */
export const mostNodes = 10_000;

const bucket = bucketConfig("CAMPAIGNS");

export interface StoredCampaign {
  campaign: Campaign;
  /** The condition of the next `writeCampaign`. */
  revision: number;
}

/** Oldest first. @throws UmecError as `hubError` has it */
export async function listCampaigns(nc: NatsConnection): Promise<StoredCampaign[]> {
  const ids = await listKeys(nc, bucket, "the rollouts");
  const found = await Promise.all(ids.map((id) => readCampaign(nc, id)));
  return found
    .filter((one) => one !== undefined)
    .sort((a, b) => a.campaign.createdAtMs - b.campaign.createdAtMs);
}

/** `undefined` when there is none. @throws UmecError `HUB_CAMPAIGN_INVALID`, `HUB_QUERY_INVALID`, and as `hubError` has it */
export async function readCampaign(nc: NatsConnection, id: string): Promise<StoredCampaign | undefined> {
  if (!orderIdSyntax.test(id))
    throw new UmecError("HUB_QUERY_INVALID", `${JSON.stringify(id)} is no id of a rollout`);
  const entry = await readEntry(nc, bucket.name, `${campaignsRoot}.${id}`, `the rollout ${id}`);
  if (!entry || entry.removed) return undefined;
  return { campaign: parse(id, Buffer.from(entry.body).toString("utf8")), revision: entry.revision };
}

/**
 * @param revision the one that was read; 0: there must be none yet
 * @returns the new revision
 * @throws UmecError `HUB_CAMPAIGN_CHANGED` when somebody wrote it since
 */
export async function writeCampaign(
  nc: NatsConnection,
  campaign: Campaign,
  revision: number,
): Promise<number> {
  const { id } = campaign;
  try {
    const expect = { lastSubjectSequence: revision };
    return (await jetstream(nc).publish(`${campaignsRoot}.${id}`, JSON.stringify(campaign), { expect })).seq;
  } catch (error) {
    if (!isOvertaken(error)) throw hubError(`write the rollout ${id}`, error);
    throw new UmecError("HUB_CAMPAIGN_CHANGED", `the rollout ${id} was changed by somebody else`, {
      cause: error,
      hint: "look at it, and try again: umec ota status",
    });
  }
}

/** Makes the bucket when there is none, with as many copies as the samples have. */
export async function provisionCampaigns(nc: NatsConnection): Promise<void> {
  try {
    const { streams } = await managerOf(nc);
    await streams.info(bucket.name).catch(async (error: unknown) => {
      if (apiCode(error) !== apiCodes.streamNotFound) throw error;
      const { config } = await streams.info(streamName);
      await streams.add({ ...bucket, num_replicas: config.num_replicas });
    });
  } catch (error) {
    throw hubError("provision the rollouts", error);
  }
}

function parse(id: string, text: string): Campaign {
  try {
    const campaign: Partial<Campaign> = JSON.parse(text);
    if (campaign.version === 1 && Array.isArray(campaign.nodes) && campaign.id === id)
      return campaign as Campaign;
  } catch {
    // told below
  }
  throw new UmecError("HUB_CAMPAIGN_INVALID", `the rollout ${id} in the hub's bucket can't be read`, {
    hint: "is this program older than the one that wrote it?",
  });
}
