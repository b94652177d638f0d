/**
 * The nodes' objects at the hub: one bucket for each node, an object store of NATS, so that every client of NATS
 * reads it.
 *
 * A bucket is bounded twice, and the two bounds are for different things:
 * - **Age ends an object's life** (`maxAgeMs`, 30 days unless the owner says otherwise). Chunks go a moment before
 *   their description does, all chunks of one object together. Chunks that nobody describes go the same way: of an
 *   object that was replaced by one of the same name, or whose upload was given up.
 * - **Size refuses** (`maxBytes`, 1 GiB, discard new, as NATS' own object stores do). Discarding old would take the
 *   oldest object's first chunks and leave its description: a reader would find an object that it can't read. The
 *   node keeps what is refused in its spool, whose quota is bounded and says what it drops; so a full bucket is
 *   seen, at the node, and nothing is half there.
 *
 * Provisioning is idempotent and removes nothing.
 */
import {
  DiscardPolicy,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { type ObjectStore, Objm } from "@nats-io/obj";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { objectBucket, objectRoot, objectStream } from "../subjects.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";

export interface BucketOptions {
  /** Size of one node's bucket at which it refuses more, in bytes. @default as it is; 1 GiB for a new one */
  maxBytes?: number;
  /** Age at which objects are removed, in milliseconds; 0 for never. @default as it is; 30 days for a new one */
  maxAgeMs?: number;
  /** Copies. @default as it is; 1 for a new one */
  replicas?: number;
  log: Log;
}

const defaults = { maxBytes: 2 ** 30, maxAgeMs: 30 * 86_400_000, replicas: 1 };

/** Sees to it that each node has its bucket. @throws UmecError as `provisionStream` does */
export async function provisionBuckets(
  nc: NatsConnection,
  nodes: readonly string[],
  options: BucketOptions,
): Promise<void> {
  try {
    const { streams } = await jetstreamManager(nc);
    for (const node of nodes) {
      const found = await streams.info(objectStream(node)).catch((error: unknown) => {
        if (apiCode(error) === apiCodes.streamNotFound) return undefined;
        throw error;
      });
      if (!found) {
        await streams.add(newBucket(node, options));
        options.log.info("bucket for objects made", { node });
        continue;
      }
      const wanted = given(options);
      const differs = (Object.keys(wanted) as (keyof typeof wanted)[]).some(
        (key) => wanted[key] !== found.config[key],
      );
      if (differs) await streams.update(objectStream(node), { ...found.config, ...wanted });
    }
  } catch (error) {
    throw hubError("provision the buckets for objects", error);
  }
}

function newBucket(node: string, options: BucketOptions): Partial<StreamConfig> & { name: string } {
  const { maxBytes, maxAgeMs, replicas } = { ...defaults, ...options };
  return {
    name: objectStream(node),
    subjects: [`${objectRoot(node)}.C.>`, `${objectRoot(node)}.M.>`],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_rollup_hdrs: true,
    max_bytes: maxBytes,
    max_age: maxAgeMs * 1e6,
    duplicate_window: maxAgeMs > 0 ? Math.min(120e9, maxAgeMs * 1e6) : 120e9,
    num_replicas: replicas,
  };
}

function given({ maxBytes, maxAgeMs, replicas }: BucketOptions): Partial<StreamConfig> {
  return {
    ...(maxBytes !== undefined && { max_bytes: maxBytes }),
    ...(maxAgeMs !== undefined && {
      max_age: maxAgeMs * 1e6,
      duplicate_window: maxAgeMs > 0 ? Math.min(120e9, maxAgeMs * 1e6) : 120e9,
    }),
    ...(replicas !== undefined && { num_replicas: replicas }),
  };
}

/** One object that can be fetched. */
export interface HubObject {
  /** With the plugin in front: `camera/still/20261124T102030Z.jpg`. */
  name: string;
  bytes: number;
  contentType: string;
  /** Unix time in milliseconds. */
  timeMs: number;
  /** The node's clock was not known when it was kept. */
  timeEstimated: boolean;
  /** SHA-256, as NATS says it: `SHA-256=<base64url>`. */
  digest: string;
}

/** What a node has stored, oldest first. @throws UmecError `HUB_NO_OBJECTS` when it has no bucket */
export async function listObjects(nc: NatsConnection, node: string): Promise<HubObject[]> {
  const bucket = await openBucket(nc, node);
  const found = await bucket.list();
  return found
    .map(({ name, size, headers, metadata, mtime, digest }) => ({
      name,
      bytes: size,
      contentType: contentTypeOf(headers),
      timeMs: Date.parse(mtime),
      timeEstimated: metadata?.["umec-clock"] === "estimated",
      digest,
    }))
    .sort((a, b) => a.timeMs - b.timeMs || (a.name < b.name ? -1 : 1));
}

/** The client gives headers as its own type, or, in a list, as they are in JSON. */
function contentTypeOf(headers: unknown): string {
  const inJson = (headers as Record<string, string[]> | undefined)?.["Content-Type"]?.[0];
  const given = (headers as MsgHdrs | undefined)?.get;
  const type = inJson ?? given?.call(headers, "Content-Type");
  return type || "application/octet-stream";
}

/**
 * An object's body, piece by piece; ends by an error when its digest does not fit.
 *
 * @throws UmecError `HUB_NO_OBJECT`, `HUB_NO_OBJECTS`
 */
export async function readObject(
  nc: NatsConnection,
  node: string,
  name: string,
): Promise<ReadableStream<Uint8Array>> {
  const found = await (await openBucket(nc, node)).get(name).catch((error: unknown) => {
    if (apiCode(error) === apiCodes.noMessageFound) return null;
    throw hubError(`read ${name} of ${node}`, error);
  });
  if (found) return found.data;
  throw new UmecError("HUB_NO_OBJECT", `${node} has no object ${name} at the hub`, {
    hint: `umec hub objects ${node} lists what it has`,
  });
}

async function openBucket(nc: NatsConnection, node: string): Promise<ObjectStore> {
  try {
    return await new Objm(nc).open(objectBucket(node));
  } catch (cause) {
    if (!(cause instanceof Error && cause.message === "object store not found"))
      throw hubError(`open the bucket of ${node}`, cause);
    throw new UmecError("HUB_NO_OBJECTS", `the hub has no bucket for objects of ${node}`, {
      cause,
      hint: "the embedded hub makes one for each of its nodes; for a cluster of your own use --create",
    });
  }
}
