/**
 * Key-value buckets in the fleet's account, as NATS' own clients lay them out, so that `nats kv` and they read and watch
 * them: a stream `KV_<name>` with one message for each key, on `$KV.<name>.<key>`.
 *
 * An entry is read or written whole, and each has a revision; who writes with the one that was read loses to whoever wrote
 * meanwhile instead of hiding it. Reads ask the stream's leader: a replica that lags would tell what is not so any more.
 */
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";

export type BucketConfig = Partial<StreamConfig> & { name: string };

/** How a client of a bucket says that a key is gone. */
export const operationHeader = "KV-Operation";
/** nats-server's errors.json: another last sequence on the subject than was expected. */
const wrongLast = [10071, 10164];

export function bucketConfig(name: string): BucketConfig {
  return {
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    // Several revisions of an entry remain, for whoever asks what it was.
    max_msgs_per_subject: 8,
    deny_delete: true,
    allow_rollup_hdrs: true,
    allow_direct: false,
  };
}

/** Of a JetStream that is known to be there: without asking first. */
export function managerOf(nc: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(nc, { checkAPI: false });
}

/** Whether a write on condition lost to another. */
export function isOvertaken(error: unknown): boolean {
  const code = apiCode(error);
  return code !== undefined && wrongLast.includes(code);
}

export interface Entry {
  /** The condition of the next write. */
  revision: number;
  body: Uint8Array;
  atMs: number;
  /** It says that the key is gone. */
  removed: boolean;
}

/** The last message on `subject`; `undefined` where there is none, or no stream. `what` as in "read …". @throws as `hubError` */
export async function readEntry(
  nc: NatsConnection,
  stream: string,
  subject: string,
  what: string,
): Promise<Entry | undefined> {
  try {
    const { streams } = await managerOf(nc);
    const message = await streams.getMessage(stream, { last_by_subj: subject });
    if (!message) return undefined;
    const removed = message.header?.has(operationHeader) === true;
    return { revision: message.seq, body: message.data, atMs: message.time.getTime(), removed };
  } catch (error) {
    const code = apiCode(error);
    if (code === apiCodes.streamNotFound || code === apiCodes.noMessageFound) return undefined;
    throw hubError(`read ${what}`, error);
  }
}

/** The keys that were ever written, removed ones too; none without a bucket. `what` as in "list …". @throws as `hubError` */
export async function listKeys(nc: NatsConnection, { name }: BucketConfig, what: string): Promise<string[]> {
  try {
    const { streams } = await managerOf(nc);
    const { state } = await streams.info(name, { subjects_filter: ">" });
    // `$KV.<name>.` is as long as `KV_<name>` and two more.
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(name.length + 2));
  } catch (error) {
    if (apiCode(error) === apiCodes.streamNotFound) return [];
    throw hubError(`list ${what}`, error);
  }
}
