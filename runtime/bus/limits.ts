/**
 * What a plugin's account is held to, and by whom.
 *
 * | limit | held by | what happens beyond |
 * |---|---|---|
 * | connections, the node's own among them | nats-server | refused |
 * | subscriptions of a connection | nats-server | refused |
 * | bytes of a message | nats-server | refused, the connection is closed |
 * | messages and bytes a second: `limits` of the target state | flood-watch.ts, as nats-server has no such limit | the plugin is cut off |
 * | strikes: what nats-server refused | flood-watch.ts | the plugin is cut off |
 *
 * The first three are the same for all plugins: a plugin of low rate may still send the largest pack, as one pack may
 * overdraw its bucket.
 */
import { maxPackBytes } from "../emit-wire.ts";
import type { AccountLimits } from "../nats/claims.ts";

export const pluginAccountLimits: Readonly<AccountLimits> = {
  connections: 4,
  // A program may subscribe to each of its points by name.
  subscriptions: 1024,
  // A little more than a pack may have, so that one that is too large gets the outbox's answer with the reason.
  payloadBytes: maxPackBytes + 64 * 1024,
};

/** Beside its emits: answers to commands, its status, what it asks the node for. */
export const otherMessagesPerS = 200;
/** Of each message this much is its header and not charged; the limit is of packs. */
export const headerBytes = 128;

/** What nats-server refuses, or puts up with, and how many strikes each is. */
export const strikes = {
  BUS_PUBLISH: 1,
  BUS_SUBSCRIBE: 1,
  /** A connection that came; not refused. */
  BUS_CONNECT: 1,
  BUS_CONNECTIONS: 5,
  BUS_PAYLOAD: 5,
  BUS_UNREAD: 20,
  // nats-server tells of it at most once in 2 s, however many it refuses.
  BUS_SUBSCRIPTIONS: 60,
} as const;

export type BusRefusal = Exclude<keyof typeof strikes, "BUS_CONNECT">;

/** A program that errs now and then stays clear of this. */
export const mostStrikes = 100;
export const forgivenPerS = 2;
