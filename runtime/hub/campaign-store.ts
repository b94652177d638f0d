/**
 * Campaigns at the hub: the key-value bucket CAMPAIGNS in the fleet's account, by id, as JSON.
 *
 * Whoever changes one writes it with the revision that was read, so that of two who change it one must look again:
 * the engine (campaign.ts) and an operator's command.
 */
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { streamName } from "../subjects.ts";
import { orderIdSyntax } from "../update-wire.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";
import type { Campaign } from "./campaign-types.ts";

/** Every change of a campaign is a message below it. */
export const campaignsRoot = "$KV.CAMPAIGNS";
/** What fits into one message, with room for names of 60 characters. */
export const mostNodes = 10_000;

const bucket: Partial<StreamConfig> & { name: string } = {
  name: "KV_CAMPAIGNS",
  subjects: [`${campaignsRoot}.>`],
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  max_msgs_per_subject: 8,
  deny_delete: true,
  allow_rollup_hdrs: true,
  allow_direct: false,
};
/** nats-server's errors.json: another last sequence on the subject than was expected. */
const wrongLast = [10071, 10164];

export interface StoredCampaign {
  campaign: Campaign;
  /** The condition of the next `writeCampaign`. */
  revision: number;
}

/** Oldest first. @throws UmecError as `hubError` has it */
export async function listCampaigns(nc: NatsConnection): Promise<StoredCampaign[]> {
  const { streams } = await manager(nc);
  let subjects: string[];
  try {
    const { state } = await streams.info(bucket.name, { subjects_filter: ">" });
    subjects = Object.keys(state.subjects ?? {});
  } catch (error) {
    if (apiCode(error) === apiCodes.streamNotFound) return [];
    throw hubError("list the rollouts", error);
  }
  const found = await Promise.all(
    subjects.map((subject) => readCampaign(nc, subject.slice(campaignsRoot.length + 1))),
  );
  return found
    .filter((one) => one !== undefined)
    .sort((a, b) => a.campaign.createdAtMs - b.campaign.createdAtMs);
}

/** `undefined` when there is none. @throws UmecError `HUB_CAMPAIGN_INVALID`, `HUB_QUERY_INVALID`, and as `hubError` has it */
export async function readCampaign(nc: NatsConnection, id: string): Promise<StoredCampaign | undefined> {
  if (!orderIdSyntax.test(id))
    throw new UmecError("HUB_QUERY_INVALID", `${JSON.stringify(id)} is no id of a rollout`);
  try {
    const { streams } = await manager(nc);
    const message = await streams.getMessage(bucket.name, { last_by_subj: `${campaignsRoot}.${id}` });
    if (!message || message.header?.has("KV-Operation")) return undefined;
    return { campaign: parse(id, message.string()), revision: message.seq };
  } catch (error) {
    const code = apiCode(error);
    if (code === apiCodes.streamNotFound || code === apiCodes.noMessageFound) return undefined;
    throw hubError(`read the rollout ${id}`, error);
  }
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
    const code = apiCode(error);
    if (code === undefined || !wrongLast.includes(code)) throw hubError(`write the rollout ${id}`, error);
    throw new UmecError("HUB_CAMPAIGN_CHANGED", `the rollout ${id} was changed by somebody else`, {
      cause: error,
      hint: "look at it, and try again: umec ota status",
    });
  }
}

/** Makes the bucket when there is none, with as many copies as the samples have. */
export async function provisionCampaigns(nc: NatsConnection): Promise<void> {
  try {
    const { streams } = await manager(nc);
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

function manager(nc: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(nc, { checkAPI: false });
}
