import type { BundleInfo, UpdateReport } from "../update/types.ts";

/** A rollout of one bundle to many nodes, wave by wave; as it lies in the bucket (campaign-store.ts). */
export interface Campaign {
  readonly version: 1;
  /** Also of the orders that the nodes get: `orderIdSyntax` of ../update-wire.ts. */
  readonly id: string;
  readonly bundle: BundleInfo;
  /** See UpdateOrder of ../update/types.ts. */
  readonly permit?: string;
  /** As it was asked for: patterns of names. */
  readonly to: readonly string[];
  /** All of its nodes, in the order in which they get their turn. */
  readonly nodes: readonly string[];
  /** Of the nodes, in per cent: ascending, the last is 100. */
  readonly waves: readonly number[];
  /** It stops when this many nodes have refused it, failed or fallen back. */
  readonly maxFailures: number;
  /** How long nodes of a wave that say nothing are waited for. Left out: until they do. */
  readonly patienceMs?: number;
  /** How many of a wave, in per cent, must be good when its time is over. */
  readonly quorum: number;
  readonly createdAtMs: number;
  readonly state: "running" | "stopped" | "done";
  /** The present one, from 0. */
  readonly wave: number;
  /** When it began. */
  readonly waveAtMs: number;
  /** Why it was stopped. */
  readonly reason?: string;
  /** Nodes whose failure was seen, and the rollout resumed all the same. */
  readonly forgiven: readonly string[];
  /** Nodes that had not ended have no order of it any more, of one that was stopped. */
  readonly withdrawn?: true;
}

/** What a node last said of a campaign, or at all. */
export interface NodeReport extends UpdateReport {
  /** By the node's clock, Unix time in milliseconds. */
  readonly atMs: number;
  readonly storedAtMs: number;
}
