import type { NatsConnection } from "@nats-io/nats-core";
import { connectUser, createUser, type ServerAddress } from "../nats/claims.ts";
import { startCampaigns } from "./campaign.ts";
import { type EnrolDesk, recordOf, revocationsOf } from "./desk.ts";
import { startEnrolService } from "./enrol-service.ts";
import { createNodeRecords } from "./node-records.ts";
import { provisionBuckets } from "./objects.ts";
import { enrolServiceRights } from "./server-accounts.ts";

export interface EnrolmentParts {
  desk: EnrolDesk;
  /** Publishes all accounts as the registry and the keys have them now. */
  publish(): Promise<void>;
  connectFleet(): Promise<NatsConnection>;
  /** For clients. */
  address: ServerAddress;
  /** Copies of buckets and records. @default 1 */
  replicas?: number;
}

export interface Enrolment extends AsyncDisposable {
  readonly refusals: Readonly<Record<string, number>>;
  /** As {@link EnrolDesk.apply}. */
  apply(node: string): Promise<void>;
}

/**
 * Brings what the hub shows into agreement with the registry, and then answers questions and leads rollouts (campaign.ts). What a crash or a change without a
 * running hub left open, an account, a bucket, a record, is made up for before the first answer.
 */
export async function startEnrolment(parts: EnrolmentParts): Promise<Enrolment> {
  const { desk, publish, connectFleet, address, replicas } = parts;
  const fleet = await connectFleet();
  try {
    const records = createNodeRecords(fleet, replicas === undefined ? {} : { replicas });
    const applied = new Map<string, string>();
    const stateOf = (node: string) => JSON.stringify([recordOf(desk, node), revocationsOf(desk, node)]);
    let turns: Promise<unknown> = Promise.resolve();
    // One after another: of two changes of a node the later one's record must be the last.
    const complete = (node: string): Promise<void> => {
      const turn = turns.then(async () => {
        const record = recordOf(desk, node);
        if (!record) return;
        // JetStream sets a bucket's whole size aside. A disk too small for that must not keep a node from storing samples.
        await provisionBuckets(fleet, [node], {
          ...(replicas !== undefined && { replicas }),
          log: desk.log,
        }).catch((error: unknown) => {
          desk.log.error("the node has no bucket for pictures until the hub's next start", { node, error });
        });
        const stored = await records.get(node).catch(() => undefined);
        if (JSON.stringify(stored?.record) !== JSON.stringify(record)) await records.put(record);
      });
      turns = turn.catch(() => undefined);
      return turn;
    };
    const apply = async (node: string): Promise<void> => {
      const state = stateOf(node);
      if (applied.get(node) === state) return;
      await publish();
      await complete(node);
      applied.set(node, state);
    };
    for (const node of desk.registry.nodes.keys()) {
      const state = stateOf(node);
      await complete(node);
      applied.set(node, state);
    }
    const credentials = await createUser(desk.keys.enrol, "hub", enrolServiceRights);
    const nc = await connectUser({
      ...address,
      credentials,
      name: "enrolment",
      inboxPrefix: "_INBOX_hub",
    });
    const service = await startEnrolService(nc, desk);
    const campaigns = startCampaigns({ nc: fleet, replicas, log: desk.log.child({ part: "rollouts" }) });
    return {
      apply,
      get refusals() {
        return service.refusals;
      },
      async [Symbol.asyncDispose]() {
        await service[Symbol.asyncDispose]();
        await campaigns[Symbol.asyncDispose]();
        await fleet.close();
      },
    };
  } catch (error) {
    await fleet.close();
    throw error;
  }
}
