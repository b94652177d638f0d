import { setTimeout as delay } from "node:timers/promises";
import { Latency } from "./kit/figures.ts";
import { createPacks } from "./kit/samples.ts";

export interface Load {
  emitters: number;
  /** Packs that an emitter has unacknowledged: a driver goes on sampling while one is on its way to the disk. */
  window: number;
  /** Samples in a pack. */
  size: number;
}

export interface Measured {
  samplesPerS: number;
  p50Ms: number;
  p99Ms: number;
  payloadBytes: number;
  samples: number;
}

export interface Offered extends Measured {
  /** Samples that were due while `mostWaiting` packs waited already. */
  notTaken: number;
}

export type Append = (emitter: number, pack: number) => Promise<void>;

/** Packs enough that they differ; emitters take them in turn. */
const differentPacks = 256;
/** At a fixed rate: more unacknowledged packs than this, and the store has lost the race. */
const mostWaiting = 4096;

export function packsFor({ size }: Load): Uint8Array[] {
  return createPacks("meter1", 1, differentPacks, size);
}

/** Runs the load for `ms`; latencies are from the append to its acknowledgement. */
export async function measure(
  load: Load,
  packs: readonly Uint8Array[],
  append: Append,
  ms: number,
  signal: AbortSignal,
): Promise<Measured> {
  const latency = new Latency();
  const started = performance.now();
  const end = started + ms;
  let count = 0;
  let payloadBytes = 0;
  let pack = 0;
  const emit = async (emitter: number): Promise<void> => {
    for (let now = started; now < end; now = performance.now()) {
      signal.throwIfAborted();
      pack = (pack + 1) % packs.length;
      const bytes = packs[pack]!.length;
      const began = performance.now();
      await append(emitter, pack);
      latency.record(performance.now() - began);
      count++;
      payloadBytes += bytes;
    }
  };
  const all = Array.from({ length: load.emitters * load.window }, (_, i) => emit(i % load.emitters));
  await Promise.all(all);
  const samples = count * load.size;
  return {
    samplesPerS: (samples * 1000) / (performance.now() - started),
    p50Ms: latency.percentile(50),
    p99Ms: latency.percentile(99),
    payloadBytes,
    samples,
  };
}

/** Offers packs at a fixed rate, acknowledged or not, as devices do that are polled by the clock. */
export async function offer(
  load: Omit<Load, "window"> & { samplesPerS: number },
  packs: readonly Uint8Array[],
  append: Append,
  ms: number,
  signal: AbortSignal,
): Promise<Offered> {
  const latency = new Latency();
  const waiting = new Set<Promise<void>>();
  const started = performance.now();
  const total = Math.round((load.samplesPerS * ms) / 1000 / load.size);
  let stored = 0;
  let payloadBytes = 0;
  let notTaken = 0;
  for (let due = 0; due < total; ) {
    signal.throwIfAborted();
    const now = Math.min(total, ((performance.now() - started) * total) / ms);
    for (; due < now; due++) {
      if (waiting.size >= mostWaiting) {
        notTaken++;
        continue;
      }
      const began = performance.now();
      const pack = due % packs.length;
      const done = append(due % load.emitters, pack).then(() => {
        latency.record(performance.now() - began);
        waiting.delete(done);
        stored++;
        payloadBytes += packs[pack]!.length;
      });
      waiting.add(done);
    }
    await delay(1);
  }
  await Promise.all(waiting);
  return {
    samplesPerS: (stored * load.size * 1000) / (performance.now() - started),
    p50Ms: latency.percentile(50),
    p99Ms: latency.percentile(99),
    payloadBytes,
    samples: stored * load.size,
    notTaken: notTaken * load.size,
  };
}
