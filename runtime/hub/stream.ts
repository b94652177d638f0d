/**
 * The stream TELEMETRY: where the frames of all nodes are stored.
 *
 * What it promises the nodes, and by which setting:
 *
 * 1. **What was acknowledged is kept.** File storage, `limits` retention, and `discard: new`: when the stream
 *    is full it refuses the next frame and keeps the old ones. A refused node keeps its rows and tries again,
 *    so a full hub is a delay, bounded by the nodes' own quotas, which say what they drop. `discard: old`
 *    would throw stored samples away with nobody to say so. Only `maxAgeMs`, which the owner sets, ends a
 *    frame's life.
 * 2. **Each frame once, in order.** That is the work of `Nats-Expected-Last-Subject-Sequence` on the node's
 *    publish. It does not lean on the duplicate window: nodes send no `Nats-Msg-Id`.
 * 3. **The last message of a chain can be asked for**: `allow_direct`. With `maxAgeMs` a chain may grow
 *    empty; let it be longer than the longest outage, as a node that lost an acknowledgement learns from the
 *    chain's last frame alone whether it was stored.
 * 4. **No holes by hand.** `deny_delete`: no single message can be removed, which would look like a lost
 *    frame for ever. To retire a node purge its subject, `umec.<node>.>`. For the same reason there are no
 *    limits for one subject, no roll-ups (a header by which a node could empty its own chains), and no
 *    asynchronous persistence (an acknowledgement before the write).
 *
 * Frames are CBOR, so s2 compression pays for itself; the nodes do not compress.
 *
 * Provisioning is idempotent and never removes data: what can't be reached by an update is refused with
 * `HUB_STREAM_CONFLICT`.
 */
import {
  DiscardPolicy,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { streamName, streamSubjects } from "../subjects.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";

export interface ProvisionOptions {
  /**
   * Copies of each frame, 1 to 5, odd. @default 3 where the cluster has three servers that can hold one,
   * else 1. By default a stream is raised, never lowered.
   */
  replicas?: number;
  /** Size at which the stream refuses more, in bytes; -1 for no limit but the account's. @default as it is; -1 for a new one */
  maxBytes?: number;
  /** Age at which frames are removed, in milliseconds; 0 for never. @default as it is; 0 for a new one */
  maxAgeMs?: number;
  log: Log;
}

export interface Provisioned {
  created: boolean;
  /** Settings that were changed on an existing stream, by their names in JetStream. */
  changed: string[];
}

const defaultReplicas = 3;
/** JetStream's own default; it must not exceed the maximal age. */
const duplicateWindowNs = 120e9;

const required = {
  discard: DiscardPolicy.New,
  compression: StoreCompression.S2,
  allow_direct: true,
  deny_delete: true,
  allow_rollup_hdrs: false,
  discard_new_per_subject: false,
  max_msgs_per_subject: -1,
  max_msg_size: -1,
} satisfies Partial<StreamConfig>;

type Manager = Awaited<ReturnType<typeof jetstreamManager>>;

/**
 * Makes the stream TELEMETRY, or brings an existing one to what nodes need.
 *
 * @throws UmecError `HUB_STREAM_CONFLICT` when a stream is in the way that can't be brought there,
 * `HUB_NO_JETSTREAM`, `HUB_FORBIDDEN`, `HUB_NOT_READY` while a cluster elects its leader or has too few servers, `HUB_NO_ANSWER`, or
 * `HUB_REFUSED` with the server's reason.
 */
export async function provisionStream(nc: NatsConnection, options: ProvisionOptions): Promise<Provisioned> {
  const { log } = options;
  try {
    const manager = await jetstreamManager(nc);
    const existing = await findStream(manager);
    if (existing) {
      const changed = await update(manager, existing.config, options);
      if (changed.length > 0) log.info("stream changed", { stream: streamName, changed });
      return { created: false, changed };
    }
    const { config } = await create(manager, options);
    log.info("stream made", { stream: streamName, replicas: config.num_replicas });
    return { created: true, changed: [] };
  } catch (error) {
    throw hubError(`provision the stream ${streamName}`, error);
  }
}

async function findStream(manager: Manager): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(streamName);
  } catch (error) {
    if (apiCode(error) === apiCodes.streamNotFound) return undefined;
    throw error;
  }
}

async function create(manager: Manager, options: ProvisionOptions): Promise<StreamInfo> {
  const maxAgeNs = (options.maxAgeMs ?? 0) * 1e6;
  const config = {
    ...required,
    name: streamName,
    subjects: [...streamSubjects],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    max_bytes: options.maxBytes ?? -1,
    max_age: maxAgeNs,
    duplicate_window: clampWindow(duplicateWindowNs, maxAgeNs),
  };
  if (options.replicas !== undefined) {
    return manager.streams.add({ ...config, num_replicas: options.replicas });
  }
  try {
    return await manager.streams.add({ ...config, num_replicas: defaultReplicas });
  } catch (error) {
    if (!lacksServers(error)) throw error;
    return manager.streams.add({ ...config, num_replicas: 1 });
  }
}

async function update(manager: Manager, found: StreamConfig, options: ProvisionOptions): Promise<string[]> {
  refuseConflict(found);
  const wanted: Partial<StreamConfig> = { ...required };
  if (streamSubjects.some((subject) => !found.subjects.includes(subject))) {
    wanted.subjects = [...streamSubjects];
  }
  if (options.maxBytes !== undefined) wanted.max_bytes = options.maxBytes;
  if (options.maxAgeMs !== undefined) wanted.max_age = options.maxAgeMs * 1e6;
  wanted.duplicate_window = clampWindow(found.duplicate_window, wanted.max_age ?? found.max_age);
  if (options.replicas !== undefined) wanted.num_replicas = options.replicas;

  // The server leaves out of its answers what is false.
  const changed = (Object.keys(wanted) as (keyof StreamConfig)[]).filter(
    (key) => wanted[key] !== (found[key] ?? false),
  );
  const config = { ...found, ...wanted };
  if (changed.length > 0) await manager.streams.update(streamName, config);

  if (options.replicas === undefined && found.num_replicas < defaultReplicas) {
    try {
      await manager.streams.update(streamName, { ...config, num_replicas: defaultReplicas });
      changed.push("num_replicas");
    } catch (error) {
      if (!lacksServers(error)) throw error;
    }
  }
  return changed;
}

/** What an update can't change, or only with the loss of what another owner meant. */
function refuseConflict(found: StreamConfig): void {
  const reasons: string[] = [];
  const foreign = (found.subjects ?? []).filter((subject) => !streamSubjects.includes(subject));
  if (foreign.length > 0) reasons.push(`it captures ${foreign.join(", ")}`);
  if (found.storage !== StorageType.File) reasons.push(`its storage is ${found.storage}, not file`);
  if (found.retention !== RetentionPolicy.Limits)
    reasons.push(`its retention is ${found.retention}, not limits`);
  if (found.mirror || found.sources?.length) reasons.push("it copies other streams");
  if (found.subject_transform) reasons.push("it renames subjects");
  if (found.sealed) reasons.push("it is sealed");
  if (found.no_ack) reasons.push("it does not acknowledge");
  if (found.persist_mode === "async") reasons.push("it acknowledges before it writes (persist_mode async)");
  if (reasons.length === 0) return;
  const message = `a stream ${streamName} exists that can't take frames: ${reasons.join("; ")}`;
  throw new UmecError("HUB_STREAM_CONFLICT", message, {
    hint: "copy what it holds to a stream of another name, remove it, and provision again",
  });
}

function lacksServers(error: unknown): boolean {
  const code = apiCode(error);
  return (
    code === apiCodes.replicasNeedCluster ||
    code === apiCodes.noSuitablePeers ||
    code === apiCodes.insufficientResources
  );
}

function clampWindow(windowNs: number, maxAgeNs: number): number {
  return maxAgeNs > 0 ? Math.min(windowNs, maxAgeNs) : windowNs;
}
