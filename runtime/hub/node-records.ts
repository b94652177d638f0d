/**
 * What the hub knows of its nodes: bucket NODES (../hub-nodes-wire.ts) in the fleet's account; bucket.ts says what that
 * promises. A replica that lags would know a node by keys that it no longer has.
 */
import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { type NodeRecord, nodesBucket } from "../hub-nodes-wire.ts";
import { nameSyntax } from "../subjects.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";
import { bucketConfig, isOvertaken, listKeys, managerOf, readEntry } from "./bucket.ts";

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

const bucket = bucketConfig(nodesBucket);

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
    const names = (await listKeys(this.#nc, bucket, `the bucket ${nodesBucket}`)).sort();
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
      if (!isOvertaken(error)) throw hubError(`write the record of ${node}`, error);
      throw new UmecError("HUB_RECORD_CHANGED", `the record of ${node} was changed by somebody else`, {
        cause: error,
        hint: "look at it, and try again",
      });
    }
  }

  async #read(node: string): Promise<Entry | undefined> {
    if (!nameSyntax.test(node))
      throw new UmecError("HUB_QUERY_INVALID", `${JSON.stringify(node)} is no name of a node`);
    const entry = await readEntry(this.#nc, bucket.name, subjectOf(node), `the record of ${node}`);
    if (!entry || entry.removed) return undefined;
    return { text: Buffer.from(entry.body).toString("utf8"), revision: entry.revision };
  }

  async #provide(): Promise<void> {
    const { streams } = await managerOf(this.#nc);
    try {
      await streams.info(bucket.name);
    } catch (error) {
      if (apiCode(error) !== apiCodes.streamNotFound) throw error;
      await streams.add({ ...bucket, num_replicas: this.#replicas });
    }
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
