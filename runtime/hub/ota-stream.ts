/**
 * The stream OTA: system updates as the nodes fetch them.
 *
 *   ota.chunk.<name>      a chunk (../ota/chunk.ts). The name is its content's, so each is there once, whatever the number
 *                         of bundles that have it in them
 *   ota.index.<sha256>    the head of a bundle's index (../ota/index-format.ts); the index itself is in chunks
 *   ota-lock              who changes it just now; no node can read that
 *
 * What it promises:
 * 1. **An index that is there is whole**: it is written after all chunks that it names were acknowledged, which is on disk.
 * 2. **It is changed by one at a time**, an upload or a removal, so that no chunk goes which an index that is just being
 *    written counts on. The lock is a message with a time to live: who dies leaves it for half a minute at most.
 * 3. **Nodes only read**, and only chunks and heads: their accounts import the direct gets of `ota.>`.
 * 4. **Full refuses** (4 GiB unless the owner says otherwise). Nothing goes by age: an index is removed by `umec ota prune`, and
 *    then the chunks that no index names.
 */
import {
  DiscardPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { otaRoot, otaStream } from "../subjects.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";

export interface OtaStreamOptions {
  /** Size at which it refuses more. @default as it is; 4 GiB for a new one */
  maxBytes?: number;
  /** Copies. @default as it is; 3 for a new one where the cluster can, else 1 */
  replicas?: number;
}

const newMaxBytes = 4 * 2 ** 30;
const lockSubject = "ota-lock";
const lockS = 30;
const renewMs = 10_000;

/** Sees to it that the stream is there; changes of it what is given. @throws UmecError as `provisionStream` does */
export async function provisionOta(nc: NatsConnection, options: OtaStreamOptions = {}): Promise<void> {
  const { maxBytes, replicas } = options;
  try {
    const { streams } = await jetstreamManager(nc);
    const found = await streams.info(otaStream).catch((error: unknown) => {
      if (apiCode(error) === apiCodes.streamNotFound) return undefined;
      throw error;
    });
    if (found) {
      const wanted = {
        ...(maxBytes !== undefined && { max_bytes: maxBytes }),
        ...(replicas !== undefined && { num_replicas: replicas }),
      };
      if (Object.keys(wanted).length > 0) await streams.update(otaStream, { ...found.config, ...wanted });
      return;
    }
    const make = (copies: number) => streams.add(newStream(maxBytes ?? newMaxBytes, copies));
    if (replicas !== undefined) await make(replicas);
    else {
      const lacking: unknown[] = [
        apiCodes.replicasNeedCluster,
        apiCodes.noSuitablePeers,
        apiCodes.insufficientResources,
      ];
      await make(3).catch((error: unknown) => {
        if (lacking.includes(apiCode(error))) return make(1);
        throw error;
      });
    }
  } catch (error) {
    throw hubError(`provision the stream ${otaStream}`, error);
  }
}

function newStream(maxBytes: number, replicas: number): Partial<StreamConfig> & { name: string } {
  return {
    name: otaStream,
    subjects: [`${otaRoot}.chunk.*`, `${otaRoot}.index.*`, lockSubject],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    allow_direct: true,
    allow_msg_ttl: true,
    max_bytes: maxBytes,
    num_replicas: replicas,
  };
}

export interface OtaLock extends AsyncDisposable {
  /** Holds on for another while; to be called more often than every 20 seconds. @throws UmecError `HUB_OTA_BUSY` */
  renew(): Promise<void>;
}

/** @throws UmecError `HUB_OTA_BUSY` when another has it */
export async function lockOta(nc: NatsConnection): Promise<OtaLock> {
  const busy = (cause: unknown): UmecError => {
    const taken = [10071, 10164].includes(apiCode(cause) ?? 0);
    if (!taken) return hubError("lock the store of updates", cause);
    return new UmecError("HUB_OTA_BUSY", "another upload or removal of updates is under way at this hub", {
      cause,
      hint: `wait for it; after one that was killed, ${lockS} s`,
    });
  };
  const js = jetstream(nc);
  let sequence = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  const renew = async (): Promise<void> => {
    if (performance.now() - lastMs < renewMs) return;
    const expect = { lastSubjectSequence: sequence };
    try {
      ({ seq: sequence } = await js.publish(lockSubject, "", { expect, ttl: `${lockS}s` }));
    } catch (error) {
      throw busy(error);
    }
    lastMs = performance.now();
  };
  await renew();
  return {
    renew,
    async [Symbol.asyncDispose]() {
      const { streams } = await jetstreamManager(nc, { checkAPI: false });
      // It goes by itself in any case.
      await streams.purge(otaStream, { filter: lockSubject, seq: sequence + 1 }).catch(() => undefined);
    },
  };
}

/** The names of all chunks that are there, or the checksums of the bundles that have an index. */
export async function listOta(nc: NatsConnection, kind: "chunk" | "index"): Promise<Set<string>> {
  const { streams } = await jetstreamManager(nc, { checkAPI: false });
  const root = `${otaRoot}.${kind}.`;
  const { state } = await streams.info(otaStream, { subjects_filter: `${root}*` });
  return new Set(Object.keys(state.subjects ?? {}).map((subject) => subject.slice(root.length)));
}
