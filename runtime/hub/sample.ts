import type { Lane, Quality } from "../plugin/contract.ts";
import { qualityOf, recordValue } from "../senml/quality.ts";
import { reasonLabel, type SenmlRecord } from "../senml/record.ts";
import type { HubFrame, Standing } from "./frames.ts";

/** A sample as it lies at the hub. */
export interface HubSample {
  /** Path below the plugin, `device/quantity`. */
  name: string;
  /** `null` for a bad sample without a value, and for a record that has a sum alone. */
  value: number | string | boolean | Uint8Array | null;
  unit?: string;
  quality: Quality;
  /** Why the quality is not good. */
  reason?: string;
  /** The record's sum (RFC 8428 section 4.2), where it has one. */
  sum?: number;
  /** The sample's own time in Unix milliseconds, by the node's clock. */
  timeMs: number;
  node: string;
  plugin: string;
  lane: Lane;
  /** Identity of the outbox that it came from. */
  store: string;
  /** The rows of the frame that carried it. */
  rows: { first: number; last: number };
  /** When the hub stored it, by the hub's clock. */
  storedAtMs: number;
  /** Whether it waited out an outage. */
  backlog: boolean;
  /** Whether some times in its frame were estimated: their boot never learnt the time. */
  clockEstimated: boolean;
  /** How far it is proven that the node sent it. */
  signed: Standing;
}

/** RFC 8428 section 4.5.3: times below are relative to now. */
const absoluteFromS = 2 ** 28;

export function toSample(record: SenmlRecord, frame: HubFrame): HubSample {
  const { chain, header, storedAtMs } = frame;
  const { node, plugin, lane, backlog } = chain;
  const prefix = `${node}/${plugin}/`;
  const sample: HubSample = {
    name: record.n.startsWith(prefix) ? record.n.slice(prefix.length) : record.n,
    value: recordValue(record),
    quality: qualityOf(record),
    timeMs: timeOf(record, storedAtMs),
    node,
    plugin,
    lane,
    store: header.store,
    rows: { first: header.first, last: header.last },
    storedAtMs,
    backlog,
    clockEstimated: header.clockEstimated,
    signed: frame.signed,
  };
  if (record.u !== undefined) sample.unit = record.u;
  if (record[reasonLabel] !== undefined) sample.reason = record[reasonLabel];
  if (record.s !== undefined) sample.sum = record.s;
  return sample;
}

function timeOf({ t = 0 }: SenmlRecord, storedAtMs: number): number {
  // A double holds today's time to a quarter of a microsecond.
  const ms = Math.round(t * 1e6) / 1e3;
  return t < absoluteFromS ? storedAtMs + ms : ms;
}
