/**
 * How a plugin's packs get from the bus into the outbox.
 *
 * What it promises:
 * 1. The answer to a request is sent after its rows are on disk, and says so by being empty. Everything else is
 *    refused with a code and the reason (../emit-wire.ts), and then nothing of it was stored.
 * 2. A request with `Umec-Emit` that comes again gets the answer of the first and is stored once: one that is
 *    under way shares its outcome, one that is stored is remembered (ingest-seen.ts), one that was refused is
 *    tried anew. The memory ends with the process. A pack whose answer was lost because the node died between
 *    commit and answer is stored twice if its sender outlived the node and sends it again.
 * 3. No plugin's packs can hurt another: each plugin has its own connection, rate and bound. At most
 *    `maxPendingBytes` and 16,384 requests wait for the disk (`EMIT_OVERLOADED` beyond), and what exceeds 1.2
 *    times the plugin's limits is refused undecoded (`PLUGIN_FLOOD`); the fifth more keeps a well-behaved
 *    sender, which holds itself to the limits, clear of it. What is no SenML is refused (`SENML_INVALID`), and
 *    what the hub could not read back is never stored (ingest-rows.ts).
 * 4. No plugin's packs can keep the node's one thread from all others: packs are read for at most `turnMs` at a time,
 *    then the others have `restMs`; and of the connection no more is taken at once than what the kernel gives in one piece,
 *    and nothing while `readAhead` packs wait. The rest waits in nats-server, which holds the sender back, and cuts this
 *    connection off where that does not help. Packs count when they come, as one sample each, so that a flood is known as
 *    one before its first packs are read. Who sends on and on although it is refused is told of by `onFlood`; a sender
 *    that waits for its answers never comes near that.
 *
 * What is not kept: a pack without a reply subject is stored and its sender learns nothing.
 * A pack that mixes kinds of times makes two rows; should the disk take one and fail at the other, the pack is
 * refused and, sent again, has stored the one twice.
 */
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../clock.ts";
import { EmitLimit, type EmitRate } from "../emit-limit.ts";
import {
  emitHeader,
  laneHeader,
  maxSamples as mostSamples,
  type Refusal,
  refusalFor,
  refusalHeaders,
} from "../emit-wire.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { SeenRecord } from "../handover/record.ts";
import type { Log } from "../log.ts";
import { type Flow, flowOf } from "../nats/flow.ts";
import type { Lane } from "../plugin/contract.ts";
import type { SenmlRecord } from "../senml/record.ts";
import { isLane } from "../subjects.ts";
import { takePack } from "./ingest-rows.ts";
import { type EmitId, parseEmitId, SeenEmits } from "./ingest-seen.ts";
import type { NewRow, SampleWatch } from "./types.ts";

export interface IngestOptions {
  /** In the account UPLINK, for this plugin alone: see `Bus.connectOutbox`. Stays open. */
  connection: NatsConnection;
  plugin: string;
  outbox: { append(row: NewRow): Promise<unknown> };
  clock: Clock;
  /** As the plugin itself is held to. */
  limits: EmitRate;
  log: Log;
  /** Told what was stored, once for each pack however often it is sent. @default nobody */
  watch?: SampleWatch;
  /** Told of each pack that is refused. @default nobody */
  onRefused?(refusal: Refusal): void;
  /**
   * The sender goes on although it is refused: `PLUGIN_FLOOD`. Told at each such pack; where it returns true, packs
   * that have come and were not read yet are thrown away without an answer. @default nobody
   */
  onFlood?(error: UmecError): boolean;
  /** What was stored before this process. @default nothing that it remembers */
  seen?: SeenRecord | undefined;
  /** As `stop`. */
  signal?: AbortSignal;
  /** Samples in one pack. @default 10_000 */
  maxSamples?: number;
  /** Bytes that may wait for the disk. @default 4 MiB */
  maxPendingBytes?: number;
}

/** Since the start. */
export interface IngestStats {
  /** Packs stored. */
  packs: number;
  samples: number;
  /** As sent. */
  bytes: number;
  /** Requests that were sent again and had been stored already or were under way. */
  repeats: number;
  /** Packs refused, by code. */
  refused: Readonly<Record<string, number>>;
  /** Bytes that wait for the disk now. */
  pendingBytes: number;
}

export interface Ingest {
  stats(): IngestStats;
  setLimits(limits: EmitRate): void;
  /** Which emits are stored, for another process; whole once it has stopped. */
  seen(): SeenRecord;
  /** Takes no more; resolves when all that was taken is answered. */
  stop(): Promise<void>;
}

const slack = 1.2;
/** A pack that can't be read counts as so many samples. */
const unreadableCost = 10;
/** How fast refused packs are forgiven; five times as many at once. */
const patience: EmitRate = { samplesPerS: 200, bytesPerS: 1024 * 1024 };
/** Requests that may wait for their answer, repeats included. */
const maxWaiting = 16_384;
/** Time for reading packs at once. */
const turnMs = 2;
/** Then this long the others' turn, while packs wait. */
const restMs = 4;
/** Rows on their way to the disk beyond which a backlog is not read on: the others' rows are in the same commits. */
const mostUnderWay = 256;
/** What may wait to be read while more is taken: enough for a flood to be known by it. */
const readAhead = 4096;
const readAheadBytes = 1024 * 1024;

/** Resolves when packs are taken. */
export async function startIngest(options: IngestOptions): Promise<Ingest> {
  const { connection, plugin, signal, log } = options;
  const intake = new Intake(options);
  const subscription = connection.subscribe(`in.${plugin}.>`, {
    callback: (error, message) => {
      if (error) log.error(`packs of ${plugin} are not received: ${error.message}`, { plugin });
      else intake.take(message);
    },
  });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      signal?.removeEventListener("abort", stop);
      if (!connection.isClosed()) await subscription.drain().catch(() => {});
      await intake.settle();
      if (!connection.isClosed()) await connection.flush().catch(() => {});
    })();
    return stopping;
  };
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) await stop();
  else await connection.flush();
  return {
    stats: () => intake.stats(),
    setLimits: (limits) => intake.setLimits(limits),
    seen: () => intake.seen(),
    stop,
  };
}

interface Arrival {
  message: Msg;
  /** It came beyond the limits, and was counted for that. */
  beyond: boolean;
}

class Intake {
  readonly #options: Required<Pick<IngestOptions, "maxSamples" | "maxPendingBytes">> & IngestOptions;
  readonly #limit: EmitLimit;
  /** The same limits for what has come, before anybody has looked how many samples there are. */
  readonly #arrived: EmitLimit;
  readonly #seen: SeenEmits;
  /** By id, for repeats. */
  readonly #underWay = new Map<string, Promise<Refusal | undefined>>();
  readonly #answers = new Set<Promise<void>>();
  readonly #refused = new Map<string, number>();
  /** Not read yet. */
  #queue: Arrival[] = [];
  #queueBytes = 0;
  /** What is left of this turn; `undefined` before its first pack. */
  #turnEndMs: number | undefined;
  #read: PromiseWithResolvers<void> | undefined;
  readonly #tooFast: string;
  readonly #flow: Flow;
  /** Whether the connection is not listened to just now. */
  #held = false;
  #resting = false;
  /** Runs dry when a sender does not heed what it is told. */
  readonly #patience: EmitLimit;
  #pendingBytes = 0;
  #packs = 0;
  #samples = 0;
  #bytes = 0;
  #repeats = 0;

  constructor(options: IngestOptions) {
    this.#options = { maxSamples: mostSamples, maxPendingBytes: 4 * 1024 * 1024, ...options };
    this.#seen = new SeenEmits(options.seen);
    this.#tooFast = `${options.plugin} sends more than its limits allow`;
    this.#flow = flowOf(options.connection);
    this.#limit = new EmitLimit(withSlack(options.limits), options.clock.monotonicMs());
    this.#arrived = new EmitLimit(withSlack(options.limits), options.clock.monotonicMs());
    this.#patience = new EmitLimit(patience, options.clock.monotonicMs());
  }

  take(message: Msg): void {
    const size = message.data.length;
    const tooMany = this.#queue.length >= maxWaiting;
    if (tooMany || this.#queueBytes + size > this.#options.maxPendingBytes) {
      const text = `${this.#queue.length} packs, ${this.#queueBytes} bytes of ${this.#options.plugin} wait to be read`;
      this.#deaf(size, text);
      this.#answer(message, { code: "EMIT_OVERLOADED", text });
      return;
    }
    const beyond = !this.#arrived.isOpen(this.#options.clock.monotonicMs());
    if (!beyond) this.#arrived.charge(1, size);
    if (beyond && this.#deaf(size, this.#tooFast)) {
      this.#answer(message, { code: "PLUGIN_FLOOD", text: this.#tooFast });
      return;
    }
    this.#queue.push({ message, beyond });
    this.#queueBytes += size;
    // Mostly it is the only one, and does not wait.
    if (this.#queue.length === 1 && !this.#resting) {
      if (this.#turnEndMs === undefined) {
        this.#turnEndMs = performance.now() + turnMs;
        setImmediate(() => this.#endTurn());
      }
      if (performance.now() < this.#turnEndMs) this.#readSome(this.#turnEndMs);
    }
    if (this.#held || this.#queue.length === 0) return;
    this.#held = true;
    this.#flow.pause();
  }

  #endTurn(): void {
    this.#turnEndMs = undefined;
    this.#listen();
    if (this.#queue.length > 0) this.#rest();
  }

  /** In each turn either one piece more is taken, as only that shows a flood, or packs are read. */
  #rest(): void {
    this.#resting = true;
    setTimeout(() => {
      if (this.#held && !this.#isFull) this.#listen();
      else if (this.#answers.size < mostUnderWay) this.#readSome(performance.now() + turnMs);
      if (this.#queue.length > 0) return this.#rest();
      this.#resting = false;
      this.#listen();
    }, restMs);
  }

  get #isFull(): boolean {
    return this.#queue.length >= readAhead || this.#queueBytes >= readAheadBytes;
  }

  #listen(): void {
    if (!this.#held || this.#isFull) return;
    this.#held = false;
    this.#flow.resume();
  }

  #readSome(endMs: number): void {
    let count = 0;
    do {
      const arrival = this.#queue[count++];
      if (!arrival) break;
      this.#queueBytes -= arrival.message.data.length;
      this.#begin(arrival);
    } while (performance.now() < endMs);
    this.#queue.splice(0, count);
    if (this.#queue.length === 0) this.#read?.resolve();
  }

  #begin({ message, beyond }: Arrival): void {
    // The shortest way for most of a flood; whether others are repeats is in their headers.
    if (!message.headers && !this.#limit.isOpen(this.#options.clock.monotonicMs())) {
      if (!beyond) this.#deaf(message.data.length, this.#tooFast);
      this.#answer(message, { code: "PLUGIN_FLOOD", text: this.#tooFast });
      return;
    }
    if (this.#answers.size >= maxWaiting) {
      this.#answer(message, { code: "EMIT_OVERLOADED", text: `${maxWaiting} requests wait for the disk` });
      return;
    }
    const answer = this.#outcome(message).then((refusal) => this.#answer(message, refusal));
    this.#answers.add(answer);
    void answer.then(() => this.#answers.delete(answer));
  }

  /** Never rejects. */
  #outcome(message: Msg): Promise<Refusal | undefined> {
    const text = message.headers?.get(emitHeader);
    if (!text) return this.#store(message);
    const id = parseEmitId(text);
    if (!id) {
      const problem = `${emitHeader} is ${JSON.stringify(text.slice(0, 60))}, <session>-<number> is needed`;
      return Promise.resolve({ code: "EMIT_INVALID", text: problem });
    }
    const first = this.#seen.has(id) ? Promise.resolve(undefined) : this.#underWay.get(text);
    if (first) {
      this.#repeats++;
      return first;
    }
    return this.#storeOnce(message, text, id);
  }

  #storeOnce(message: Msg, text: string, id: EmitId): Promise<Refusal | undefined> {
    const outcome = this.#store(message).then((refusal) => {
      if (!refusal) this.#seen.add(id);
      this.#underWay.delete(text);
      return refusal;
    });
    this.#underWay.set(text, outcome);
    return outcome;
  }

  async #store(message: Msg): Promise<Refusal | undefined> {
    const size = message.data.length;
    try {
      const { rows, seen } = this.#take(message);
      this.#pendingBytes += size;
      try {
        await Promise.all(rows.map((row) => this.#options.outbox.append(row)));
      } finally {
        this.#pendingBytes -= size;
      }
      this.#packs++;
      this.#bytes += size;
      for (const row of rows) this.#samples += row.samples;
      this.#tell(seen);
      return undefined;
    } catch (error) {
      return refusalFor(error, "OUTBOX_FAILED");
    }
  }

  /** What is stored is stored, whatever a watch makes of it. */
  #tell(seen: readonly SenmlRecord[]): void {
    const { watch, log, plugin } = this.#options;
    if (seen.length === 0) return;
    try {
      watch?.accepted(seen);
    } catch (error) {
      log.error(`samples of ${plugin} can't be judged: ${messageOf(error)}`, { plugin, error });
    }
  }

  #take(message: Msg): { rows: NewRow[]; seen: SenmlRecord[] } {
    const { watch } = this.#options;
    const { plugin, clock, maxSamples, maxPendingBytes } = this.#options;
    const monotonicMs = clock.monotonicMs();
    const size = message.data.length;
    if (this.#pendingBytes + size > maxPendingBytes) {
      throw new UmecError("EMIT_OVERLOADED", `${this.#pendingBytes} bytes of ${plugin} wait for the disk`);
    }
    if (!this.#limit.isOpen(monotonicMs)) {
      this.#deaf(size, this.#tooFast);
      throw new UmecError("PLUGIN_FLOOD", this.#tooFast);
    }
    let samples = 0;
    try {
      const context = { plugin, lane: laneOf(message), monotonicMs, maxSamples };
      const { rows, records } = takePack(message.data, context);
      for (const row of rows) samples += row.samples;
      // Only what is looked at is held until it is on disk.
      return { rows, seen: watch ? records.filter(({ n }) => watch.wants(n)) : [] };
    } finally {
      // What can't be read costs more than what can: the reason, and a refusal.
      this.#limit.charge(samples || unreadableCost, size);
    }
  }

  /** A pack is refused that a sender which heeds the answers would not have sent. Whether its sender is cut off now. */
  #deaf(size: number, text: string): boolean {
    const { onFlood, clock } = this.#options;
    if (this.#patience.isOpen(clock.monotonicMs())) {
      this.#patience.charge(1, size);
      return false;
    }
    if (!onFlood?.(new UmecError("PLUGIN_FLOOD", text))) return false;
    for (const _ of this.#queue) this.#count({ code: "PLUGIN_FLOOD", text });
    this.#queue = [];
    this.#queueBytes = 0;
    this.#read?.resolve();
    return true;
  }

  #answer(message: Msg, refusal: Refusal | undefined): void {
    if (refusal) this.#count(refusal);
    if (!message.reply) return;
    try {
      message.respond(undefined, refusal && { headers: refusalHeaders(refusal) });
    } catch (error) {
      // The connection is closed: the sender takes silence as "not stored".
      this.#options.log.debug(`answer not sent: ${messageOf(error)}`);
    }
  }

  #count({ code, text }: Refusal): void {
    const { plugin, log, onRefused } = this.#options;
    const count = (this.#refused.get(code) ?? 0) + 1;
    this.#refused.set(code, count);
    onRefused?.({ code, text });
    if (count === 1) log.warn(`a pack of ${plugin} was refused: ${text}`, { plugin, code });
    else if (isPowerOfTwo(count))
      log.debug(`a pack of ${plugin} was refused: ${text}`, { plugin, code, count });
  }

  setLimits(limits: EmitRate): void {
    this.#limit.rate = withSlack(limits);
    this.#arrived.rate = withSlack(limits);
  }

  seen(): SeenRecord {
    return this.#seen.record();
  }

  stats(): IngestStats {
    return {
      packs: this.#packs,
      samples: this.#samples,
      bytes: this.#bytes,
      repeats: this.#repeats,
      refused: Object.fromEntries(this.#refused),
      pendingBytes: this.#pendingBytes,
    };
  }

  async settle(): Promise<void> {
    if (this.#queue.length > 0) {
      this.#read = Promise.withResolvers<void>();
      await this.#read.promise;
    }
    while (this.#answers.size > 0) await Promise.all(this.#answers);
  }
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}

function withSlack({ samplesPerS, bytesPerS }: EmitRate): EmitRate {
  return { samplesPerS: slack * samplesPerS, bytesPerS: slack * bytesPerS };
}

/** By the subject `in.<plugin>.<kind>.…`: an event is an alarm, telemetry may name another lane. */
function laneOf(message: Msg): Lane {
  const kind = message.subject.split(".", 3)[2];
  if (kind === "event") return "alarm";
  if (kind !== "telemetry") throw new UmecError("EMIT_INVALID", `nothing is stored at ${message.subject}`);
  const lane = message.headers?.get(laneHeader) || "telemetry";
  if (!isLane(lane)) throw new UmecError("EMIT_INVALID", `${JSON.stringify(lane.slice(0, 60))} is no lane`);
  return lane;
}
