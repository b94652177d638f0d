import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { startBus } from "../runtime/bus/bus.ts";
import { signFrame } from "../runtime/frame-signature.ts";
import { deriveKeys } from "../runtime/identity/keys.ts";
import { buildFrame } from "../runtime/link/frame-builder.ts";
import { Link } from "../runtime/link/link.ts";
import { silentLog } from "../runtime/log.ts";
import { Outbox } from "../runtime/outbox/outbox.ts";
import type { Bench } from "./kit/bench.ts";
import { Latency, median } from "./kit/figures.ts";
import { cpuMsOf, natsServerPid } from "./kit/process.ts";
import { createPacks } from "./kit/samples.ts";
import { node, type RemoteHub, startRemoteHub } from "./link-hub.ts";
import { systemClock } from "./outbox-stores.ts";

export const packSize = 10;
const backlogPlugins = ["meter-a", "meter-b", "meter-c", "meter-d", "meter-e"];
const livePlugins = ["live-a", "live-b"];
const livePacksPerS = 100;
const startMs = 1_790_000_000_000;
const peerWindow = 64;
const peerSubject = `umec.${node}.peer.telemetry`;

export interface Rig {
  bench: Bench;
  hub: RemoteHub;
  bus: Awaited<ReturnType<typeof startBus>>;
  connection: NatsConnection;
  busPid: number;
  packs: Map<string, Uint8Array[]>;
}

export interface Drained {
  samplesPerS: number;
  liveP50Ms: number;
  liveP99Ms: number;
  frameBytesPerSample: number;
  wireBytesPerSample: number;
  samplesPerFrame: number;
  /** Processor time in percent of one core: this process, the node's and the hub's nats-server. */
  cpu: { node: number; bus: number; hub: number };
  /** Processor time of this process for 100,000 samples, whatever else the machine had to do meanwhile. */
  cpuMsPer100k: number;
}

export async function startRig(bench: Bench, natsServerPath: string, samples: number): Promise<Rig> {
  bench.progress("making samples");
  const perPlugin = samples / packSize / backlogPlugins.length;
  const packs = new Map(
    backlogPlugins.map((plugin, i) => [plugin, createPacks(`meter${i + 1}`, i + 1, perPlugin, packSize)]),
  );
  const hub = await startRemoteHub(bench);
  const dir = join(bench.dir, "bus");
  const link = { urls: [hub.leafUrl], credentialsFile: hub.credentialsFile, reconnectMs: 100 };
  const bus = await startBus({ node, dir, natsServerPath, plugins: [], link, log: silentLog });
  bench.defer(() => bus.stop());
  const connection = await bus.connectLink();
  bench.defer(() => connection.close());
  // Until the leaf is up and each side knows the other's subjects nobody answers, and the client tries again.
  await jetstream(connection).publish(peerSubject, "", { retries: 60 });
  return { bench, hub, bus, connection, busPid: natsServerPid(dir), packs };
}

const identity = deriveKeys(Buffer.alloc(32, 1), false);

/** Processor time of this thread, in microseconds, to sign one frame of so many bytes: the median of five. */
export function signatureCpuUs(bytes: number): number {
  const payload = randomBytes(bytes);
  const sign = (message: Uint8Array) => identity.sign(message);
  const frames = 1000;
  const runs = Array.from({ length: 5 }, () => {
    const before = process.threadCpuUsage();
    for (let i = 0; i < frames; i++)
      signFrame({ subject: peerSubject, header: `1 ${i} ${i + 99} ${"0".repeat(16)}`, payload }, sign);
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / frames;
  });
  return median(runs);
}

/** Fills an outbox, links it, and measures until all that waited is acknowledged. */
export async function drain(
  { bench, hub, bus, connection, busPid, packs }: Rig,
  round: number,
  options: { signed: boolean } = { signed: true },
): Promise<Drained> {
  const dir = join(bench.dir, `outbox-${round}`);
  const outbox = await Outbox.open({
    path: join(dir, "outbox.db"),
    quotaBytes: 2 * 2 ** 30,
    clock: systemClock,
    log: silentLog,
  });
  const ended = new AbortController();
  try {
    bench.progress(`round ${round + 1}: filling the outbox`);
    const waiting = await fill(outbox, packs);
    const how = options.signed ? "" : " without signatures";
    bench.progress(`round ${round + 1}: draining ${waiting.toLocaleString("en")} samples${how}`);
    const sentBefore = await hub.sentBytes();
    const live = new LiveLoad(outbox);
    const cpu = cpuMeter({ bus: busPid, hub: hub.natsServerPid });
    const began = performance.now();
    const drained = backlogGone(outbox, bench.signal);
    const link = new Link({
      node,
      outbox,
      connection,
      leaf: bus,
      log: silentLog,
      signal: ended.signal,
      backlogBytesPerS: 1e9,
      spreadMs: 0,
      ...(options.signed && { sign: (message) => identity.sign(message) }),
    });
    const liveDone = live.run(ended.signal);
    await drained;
    const ms = performance.now() - began;
    const cpuPercent = cpu(ms);
    const { sentBytes, sentFrames, sentSamples } = link.stats();
    const wireBytes = (await hub.sentBytes()) - sentBefore;
    ended.abort();
    await Promise.all([link.done, liveDone]);
    return {
      samplesPerS: (waiting * 1000) / ms,
      liveP50Ms: live.latency.percentile(50),
      liveP99Ms: live.latency.percentile(99),
      frameBytesPerSample: sentBytes / sentSamples,
      wireBytesPerSample: wireBytes / sentSamples,
      samplesPerFrame: sentSamples / sentFrames,
      cpu: cpuPercent,
      cpuMsPer100k: (cpuPercent.node / 100) * ms * (100_000 / sentSamples),
    };
  } finally {
    ended.abort();
    await outbox.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function fill(outbox: Outbox, packs: Rig["packs"]): Promise<number> {
  const length = packs.values().next().value?.length ?? 0;
  let batch: Promise<unknown>[] = [];
  for (let i = 0; i < length; i++) {
    for (const [plugin, records] of packs) {
      const time = { unixMs: startMs + i * 1000 };
      batch.push(outbox.append({ plugin, lane: "telemetry", time, samples: packSize, records: records[i]! }));
    }
    if (batch.length >= 5000) {
      await Promise.all(batch);
      batch = [];
    }
  }
  await Promise.all(batch);
  return outbox.stats().waitingSamples;
}

function backlogGone(outbox: Outbox, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const chains = outbox.chains().map(({ id }) => id);
  const off = outbox.onErased(() => {
    if (chains.every((id) => outbox.chain(id).waitingRows === 0)) resolve();
  });
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise.finally(off);
}

/** Fresh packs at a fixed rate; the latency is from the append to the hub's acknowledgement, which erases the row. */
class LiveLoad {
  readonly latency = new Latency();
  readonly #outbox: Outbox;
  readonly #packs = createPacks("meter9", 9, 256, packSize);
  readonly #began = new Map<string, number[]>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  async run(signal: AbortSignal): Promise<void> {
    const off = this.#outbox.onErased(() => this.#record());
    const started = performance.now();
    for (let i = 0; !signal.aborted; ) {
      const due = ((performance.now() - started) * livePacksPerS) / 1000;
      for (; i < due; i++) this.#append(i);
      await delay(1000 / livePacksPerS);
    }
    off();
  }

  #append(i: number): void {
    const plugin = livePlugins[i % livePlugins.length]!;
    const began = this.#began.get(plugin);
    if (began) began.push(performance.now());
    else this.#began.set(plugin, [performance.now()]);
    const records = this.#packs[i % this.#packs.length]!;
    const pack = {
      plugin,
      lane: "telemetry",
      time: { unixMs: Date.now() },
      samples: packSize,
      records,
    } as const;
    this.#outbox.append(pack).catch(() => {});
  }

  /** Live rows of a chain are erased in order: the oldest that wait no longer have been acknowledged. */
  #record(): void {
    const now = performance.now();
    for (const { plugin, waitingRows, nextRow } of this.#outbox.chains()) {
      const began = this.#began.get(plugin);
      if (!began) continue;
      const acknowledged = nextRow - 1 - waitingRows - (this.#done.get(plugin) ?? 0);
      if (acknowledged <= 0) continue;
      for (const start of began.splice(0, acknowledged)) this.latency.record(now - start);
      this.#done.set(plugin, nextRow - 1 - waitingRows);
    }
  }

  /** Rows acknowledged so far; a new outbox numbers them from 1. */
  readonly #done = new Map<string, number>();
}

/** The same packs as one message each, with 64 unacknowledged: what a node without frames would do. */
export async function publishEach(
  rig: Rig,
  ms: number,
): Promise<Pick<Drained, "samplesPerS" | "wireBytesPerSample" | "cpu">> {
  const { connection, hub, busPid, packs, bench } = rig;
  const client = jetstream(connection);
  const [plugin, records] = packs.entries().next().value!;
  const sentBefore = await hub.sentBytes();
  const cpu = cpuMeter({ bus: busPid, hub: hub.natsServerPid });
  const began = performance.now();
  let count = 0;
  const publish = async (): Promise<void> => {
    while (performance.now() - began < ms) {
      bench.signal.throwIfAborted();
      const i = count++;
      const row = {
        id: i,
        chain: 1,
        row: i,
        samples: packSize,
        timeMs: startMs + i * 1000,
        timeEstimated: false,
        gap: false,
        records: records[i % records.length]!,
      };
      const { payload } = buildFrame([row], `${node}/${plugin}/`, "0".repeat(16), 1);
      await client.publish(peerSubject, payload);
    }
  };
  await Promise.all(Array.from({ length: peerWindow }, publish));
  const tookMs = performance.now() - began;
  const samples = count * packSize;
  return {
    samplesPerS: (samples * 1000) / tookMs,
    wireBytesPerSample: ((await hub.sentBytes()) - sentBefore) / samples,
    cpu: cpu(tookMs),
  };
}

function cpuMeter(pids: { bus: number; hub: number }): (ms: number) => Drained["cpu"] {
  const own = process.cpuUsage();
  const [bus, hub] = [cpuMsOf(pids.bus), cpuMsOf(pids.hub)];
  return (ms) => {
    const { user, system } = process.cpuUsage(own);
    return {
      node: (user + system) / 10 / ms,
      bus: ((cpuMsOf(pids.bus) - bus) * 100) / ms,
      hub: ((cpuMsOf(pids.hub) - hub) * 100) / ms,
    };
  };
}
