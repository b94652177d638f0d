/**
 * What the hub knows of its nodes: bucket NODES (../hub-nodes-wire.ts) in the fleet's account.
 *
 * A key-value bucket is a stream of the name `KV_NODES` with one message for each key; so a record is read or written
 * whole, and each has a revision. `put` with the revision that was read loses to whoever wrote meanwhile instead of
 * hiding it. Reads ask the stream's leader: a replica that lags would know a node by keys that it no longer has.
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
import { type NodeRecord, nodesBucket } from "../hub-nodes-wire.ts";
import { nameSyntax } from "../subjects.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";

/** A record as it lies in the bucket. */
export interface BucketRecord extends NodeRecord {
  /**
   * When the node enrolled for the first time, if other hardware has its name now; `put` keeps it. From then on its frames
   * are signed, or not its own. @default `enrolledAtMs`
   */
  firstEnrolledAtMs?: number;
}

export interface StoredRecord {
  record: BucketRecord;
  /** Of the bucket's stream: the condition of the next `put`. */
  revision: number;
}

export interface NodeRecords {
  /** `undefined` when the hub knows no such node, or has no bucket. @throws UmecError `HUB_RECORD_INVALID` */
  get(node: string): Promise<StoredRecord | undefined>;
  /** All of them, by name. */
  list(): Promise<StoredRecord[]>;
  /**
   * Writes a record, and makes the bucket when there is none.
   *
   * @param revision the one that was read, or 0 when there was none; left out: whatever is there is replaced
   * @returns the new revision
   * @throws UmecError `HUB_RECORD_CHANGED` when somebody wrote it since
   */
  put(record: NodeRecord, revision?: number): Promise<number>;
}

/** Records over `nc`, which stays the caller's; its user needs `$JS.API.>` and `$KV.NODES.>` of the fleet's account. */
export function createNodeRecords(nc: NatsConnection, options: { replicas?: number } = {}): NodeRecords {
  return new BucketRecords(nc, options.replicas ?? 1);
}

/** As the clients of NATS' key-value stores lay a bucket out, so that `nats kv` and they read and watch it. */
const bucket: Partial<StreamConfig> & { name: string } = {
  name: `KV_${nodesBucket}`,
  subjects: [`$KV.${nodesBucket}.>`],
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  // Several revisions of a record remain, for whoever asks what it was.
  max_msgs_per_subject: 8,
  deny_delete: true,
  allow_rollup_hdrs: true,
  allow_direct: false,
};
/** How a client of a bucket says that a key is gone. */
const operationHeader = "KV-Operation";
/** nats-server's errors.json: another last sequence on the subject than was expected. */
const wrongLast = [10071, 10164];

interface Entry {
  text: string;
  revision: number;
}

class BucketRecords implements NodeRecords {
  readonly #nc: NatsConnection;
  readonly #replicas: number;

  constructor(nc: NatsConnection, replicas: number) {
    this.#nc = nc;
    this.#replicas = replicas;
  }

  async get(node: string): Promise<StoredRecord | undefined> {
    const entry = await this.#read(node);
    if (!entry) return undefined;
    const record = parseRecord(entry.text);
    if (record) return { record, revision: entry.revision };
    throw new UmecError(
      "HUB_RECORD_INVALID",
      `the record of ${node} in the bucket ${nodesBucket} can't be read`,
      { hint: "is this program older than the one that wrote it?" },
    );
  }

  async list(): Promise<StoredRecord[]> {
    let subjects: string[];
    try {
      const { streams } = await this.#manager();
      const { state } = await streams.info(bucket.name, { subjects_filter: ">" });
      subjects = Object.keys(state.subjects ?? {});
    } catch (error) {
      if (apiCode(error) === apiCodes.streamNotFound) return [];
      throw hubError(`list the bucket ${nodesBucket}`, error);
    }
    const names = subjects.map((subject) => subject.slice(subjectOf("").length)).sort();
    const records = await Promise.all(names.map((name) => this.get(name)));
    return records.filter((record) => record !== undefined);
  }

  async put(record: NodeRecord, revision?: number): Promise<number> {
    const { node } = record;
    const before = await this.#read(node);
    const known = before && parseRecord(before.text);
    const first = Math.min(record.enrolledAtMs, known?.firstEnrolledAtMs ?? known?.enrolledAtMs ?? Infinity);
    const kept: BucketRecord =
      first === record.enrolledAtMs ? record : { ...record, firstEnrolledAtMs: first };
    const text = JSON.stringify(kept);
    try {
      if (!before) await this.#provide();
      const expect = revision === undefined ? {} : { expect: { lastSubjectSequence: revision } };
      return (await jetstream(this.#nc).publish(subjectOf(node), text, expect)).seq;
    } catch (error) {
      const code = apiCode(error);
      if (code === undefined || !wrongLast.includes(code))
        throw hubError(`write the record of ${node}`, error);
      throw new UmecError("HUB_RECORD_CHANGED", `the record of ${node} was changed by somebody else`, {
        cause: error,
        hint: "look at it, and try again",
      });
    }
  }

  async #read(node: string): Promise<Entry | undefined> {
    if (!nameSyntax.test(node))
      throw new UmecError("HUB_QUERY_INVALID", `${JSON.stringify(node)} is no name of a node`);
    try {
      const { streams } = await this.#manager();
      const message = await streams.getMessage(bucket.name, { last_by_subj: subjectOf(node) });
      if (!message || message.header?.has(operationHeader)) return undefined;
      return { text: message.string(), revision: message.seq };
    } catch (error) {
      if (apiCode(error) === apiCodes.streamNotFound) return undefined;
      throw hubError(`read the record of ${node}`, error);
    }
  }

  async #provide(): Promise<void> {
    const { streams } = await this.#manager();
    try {
      await streams.info(bucket.name);
    } catch (error) {
      if (apiCode(error) !== apiCodes.streamNotFound) throw error;
      await streams.add({ ...bucket, num_replicas: this.#replicas });
    }
  }

  #manager(): Promise<JetStreamManager> {
    return jetstreamManager(this.#nc, { checkAPI: false });
  }
}

function subjectOf(node: string): string {
  return `$KV.${nodesBucket}.${node}`;
}

function parseRecord(text: string): BucketRecord | undefined {
  let record: Partial<BucketRecord> | null = null;
  try {
    record = JSON.parse(text);
  } catch {
    // told by who asked
  }
  const fits =
    record?.version === 1 &&
    typeof record.keys?.sign === "string" &&
    Number.isFinite(record.enrolledAtMs) &&
    Array.isArray(record.former);
  return fits ? (record as BucketRecord) : undefined;
}
