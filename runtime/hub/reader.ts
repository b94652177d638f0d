/**
 * Reads what nodes have stored at the hub, as one series for each plugin and lane.
 *
 * A series lies on two chains, live and backlog: after an outage fresh rows are stored before old ones. The
 * rows are numbered across both, so the reader follows both at once and takes the smaller number next. A node
 * that got a new outbox counts from 1 again under another store id: its frames come behind the old store's.
 *
 * 1. A read ends at what the stream held when the iteration began. It holds one batch of each chain.
 * 2. A message that is no frame, or can't be decoded, is told to `onMalformed` and left out; the read goes on.
 * 3. A frame that must be signed by its node and is not (node-keys.ts) is told to `onForged` and left out. Who reads
 *    sees nothing of what it says; it lies in the stream as evidence.
 * 4. `from` and `to` are of the samples' own time, by the node's clock. A sample can't be stored before it
 *    was taken, but the two clocks may differ; so what the hub stored longer than `clockMarginMs` before
 *    `from` is not read, and nothing else is skipped: a sample may arrive any time later.
 * 5. A sample without a time, or with one relative to now (RFC 8428 section 4.5.3), counts from when the hub
 *    stored it.
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { type Log, silentLog } from "../log.ts";
import type { Lane } from "../plugin/contract.ts";
import { chainSubject, isLane, nameSyntax, streamName } from "../subjects.ts";
import { hubError } from "./api-errors.ts";
import {
  type ForgedFrame,
  type HubFrame,
  isMalformed,
  type MalformedFrame,
  malformedFrame,
  recordsOf,
  toFrame,
} from "./frames.ts";
import { isGapRecord, parseGap, type StoredGap } from "./gap.ts";
import { mergeBySeries } from "./merge.ts";
import { isForged, NodeKeys } from "./node-keys.ts";
import { createNodeRecords } from "./node-records.ts";
import { type HubSample, toSample } from "./sample.ts";
import { readStored } from "./stored.ts";

export interface ReadOptions {
  signal?: AbortSignal;
  /** Is told each message that can't be read. @default it is logged as a warning */
  onMalformed?: (frame: MalformedFrame) => void;
  /** Is told each frame that its node did not sign, though it is enrolled. @default it is logged as a warning */
  onForged?: (frame: ForgedFrame) => void;
}

export interface SeriesQuery extends ReadOptions {
  node: string;
  plugin: string;
  /** @default "telemetry" */
  lane?: Lane;
}

export interface SamplesQuery extends SeriesQuery {
  /** Just this path below the plugin, `device/quantity`. @default all */
  name?: string;
  /** The earliest time, in Unix milliseconds or as a date. @default the beginning */
  from?: Date | number;
  /** The first time that is too late. @default no end */
  to?: Date | number;
  /** How far a node's clock may have been ahead of the hub's. @default 86_400_000, one day */
  clockMarginMs?: number;
}

export interface FramesQuery extends ReadOptions {
  node: string;
  /** @default all */
  plugin?: string;
  /** @default all */
  lane?: Lane;
  /** @default both */
  backlog?: boolean;
}

/** What takes the place of rows that the node lost, and said so. */
export interface HubGap extends StoredGap {
  node: string;
  plugin: string;
  lane: Lane;
  store: string;
  storedAtMs: number;
}

export interface HubReader {
  /** The samples of one plugin and lane, in the order in which the node stored them. */
  samples(query: SamplesQuery): AsyncIterable<HubSample>;
  /** The gap records among them. */
  gaps(query: SeriesQuery): AsyncIterable<HubGap>;
  /** The frames of a node in the order in which the hub stored them; for audits. */
  frames(query: FramesQuery): AsyncIterable<HubFrame>;
}

const defaultClockMarginMs = 86_400_000;

/** What a read begins with: where it ends, and whose frames it can believe. */
interface Beginning {
  manager: JetStreamManager;
  lastSeq: number;
  keys: NodeKeys;
}

/** Reads over `nc`, which stays the caller's; its user needs `$JS.API.>` of the fleet's account. */
export function createReader(nc: NatsConnection, options: { log?: Log } = {}): HubReader {
  return new StreamReader(nc, options.log ?? silentLog);
}

class StreamReader implements HubReader {
  readonly #nc: NatsConnection;
  readonly #log: Log;

  constructor(nc: NatsConnection, log: Log) {
    this.#nc = nc;
    this.#log = log;
  }

  async *samples(query: SamplesQuery): AsyncGenerator<HubSample> {
    const fromMs = toMs(query.from, Number.NEGATIVE_INFINITY);
    const toMsLimit = toMs(query.to, Number.POSITIVE_INFINITY);
    const storedFromMs = fromMs - (query.clockMarginMs ?? defaultClockMarginMs);
    const malformed = this.#teller(query);
    for await (const frame of this.#series(query, storedFromMs)) {
      const records = recordsOf(frame);
      if (!Array.isArray(records)) {
        malformed(records);
        continue;
      }
      for (const record of records) {
        if (isGapRecord(record)) continue;
        const sample = toSample(record, frame);
        if (query.name !== undefined && sample.name !== query.name) continue;
        if (sample.timeMs >= fromMs && sample.timeMs < toMsLimit) yield sample;
      }
    }
  }

  async *gaps(query: SeriesQuery): AsyncGenerator<HubGap> {
    const malformed = this.#teller(query);
    for await (const frame of this.#series(query, Number.NEGATIVE_INFINITY)) {
      const records = recordsOf(frame);
      if (!Array.isArray(records)) {
        malformed(records);
        continue;
      }
      const { node, plugin, lane } = frame.chain;
      for (const record of records) {
        if (!isGapRecord(record)) continue;
        const gap = parseGap(record);
        const { storedAtMs, header } = frame;
        if (gap) yield { ...gap, node, plugin, lane, store: header.store, storedAtMs };
        else
          malformed(malformedFrame(frame, `a gap record says ${JSON.stringify(record.vs)?.slice(0, 120)}`));
      }
    }
  }

  async *frames(query: FramesQuery): AsyncGenerator<HubFrame> {
    const { plugin, lane, backlog } = query;
    const filter = framesFilter(query);
    const beginning = await this.#open(query.node);
    for await (const frame of this.#read(beginning, filter, query)) {
      const { chain } = frame;
      if (plugin !== undefined && chain.plugin !== plugin) continue;
      if (lane !== undefined && chain.lane !== lane) continue;
      if (backlog !== undefined && chain.backlog !== backlog) continue;
      yield frame;
    }
  }

  async *#series(query: SeriesQuery, storedFromMs: number): AsyncGenerator<HubFrame> {
    const { node, plugin, lane = "telemetry" } = query;
    checkName(node, "node");
    checkName(plugin, "plugin");
    if (!isLane(lane)) throw invalid(`${JSON.stringify(lane)} is no lane`);
    const beginning = await this.#open(node);
    const chains = [false, true].map((backlog) =>
      this.#read(beginning, chainSubject({ node, plugin, lane, backlog }), query, storedFromMs),
    );
    yield* mergeBySeries(chains);
  }

  async *#read(
    { manager, lastSeq, keys }: Beginning,
    filter: string,
    query: ReadOptions,
    storedFromMs = Number.NEGATIVE_INFINITY,
  ): AsyncGenerator<HubFrame> {
    const malformed = this.#teller(query);
    const forged = query.onForged ?? this.#warn("a stored frame is not by its node, and left out");
    const { signal } = query;
    try {
      for await (const message of readStored(manager, { filter, lastSeq, storedFromMs, signal })) {
        const frame = toFrame(message);
        if (isMalformed(frame)) {
          malformed(frame);
          continue;
        }
        const judged = keys.judge(frame);
        if (isForged(judged)) forged(judged);
        else yield judged;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw hubError(`read ${filter}`, error);
    }
  }

  async #open(node: string): Promise<Beginning> {
    let manager: JetStreamManager;
    let lastSeq: number;
    try {
      manager = await jetstreamManager(this.#nc, { checkAPI: false });
      lastSeq = (await manager.streams.info(streamName)).state.last_seq;
    } catch (error) {
      throw hubError(`read the stream ${streamName}`, error);
    }
    // After the end is known: whoever signed a frame before it was known to the hub by then.
    const known = await createNodeRecords(this.#nc).get(node);
    return { manager, lastSeq, keys: new NodeKeys(known?.record) };
  }

  #teller({ onMalformed }: ReadOptions): (frame: MalformedFrame) => void {
    return onMalformed ?? this.#warn("a stored message can't be read");
  }

  #warn(message: string): (frame: MalformedFrame | ForgedFrame) => void {
    return ({ subject, seq, reason }) => this.#log.warn(message, { subject, seq, reason });
  }
}

/** The narrowest subject that holds what is asked for: a `*` can't stand for both kinds of chain. */
function framesFilter({ node, plugin, lane, backlog }: FramesQuery): string {
  checkName(node, "node");
  if (plugin === undefined) return `umec.${node}.>`;
  checkName(plugin, "plugin");
  if (lane === undefined || backlog === undefined) return `umec.${node}.${plugin}.>`;
  return chainSubject({ node, plugin, lane, backlog });
}

function checkName(name: string, of: string): void {
  if (!nameSyntax.test(name)) throw invalid(`${JSON.stringify(name)} is no name of a ${of}`);
}

function invalid(reason: string): UmecError {
  return new UmecError("HUB_QUERY_INVALID", reason);
}

function toMs(time: Date | number | undefined, otherwise: number): number {
  if (time === undefined) return otherwise;
  const ms = Number(time);
  if (Number.isNaN(ms)) throw invalid("from or to is no time");
  return ms;
}
