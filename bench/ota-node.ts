/** The node's side of bench/ota.ts, a process of its own: what it does comes as JSON, what came of it goes back as JSON. */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { startBus } from "../runtime/bus/bus.ts";
import { silentLog } from "../runtime/log.ts";
import { fetchBundle } from "../runtime/update/carry/fetch.ts";
import { LeafSource } from "../runtime/update/carry/leaf-source.ts";
import type { BundleInfo } from "../runtime/update/types.ts";
import { Latency } from "./kit/figures.ts";

export interface NodeTask {
  natsServerPath: string;
  dir: string;
  leafUrl: string;
  credentialsFile: string;
  bundle: BundleInfo;
  seeds: string[];
  rateBytesPerS?: number;
  /** Measure frames beside it for so long, and end. */
  liveMs?: number;
}

export interface NodeResult {
  ms: number;
  /** Resident memory of this process: most, above what it was when the link was up. */
  peakBytes: number;
  fetchedBytes: number;
  /** 99 in 100 frames were acknowledged in so many milliseconds, alone and beside the fetch. */
  quietP99Ms: number;
  busyP99Ms: number;
}

const frameEveryMs = 20;

/** Publishes a frame every 20 ms, each timed until the hub's acknowledgement. */
async function frames(link: NatsConnection, signal: AbortSignal): Promise<number> {
  const latency = new Latency();
  const body = new Uint8Array(200);
  const waiting: Promise<void>[] = [];
  while (!signal.aborted) {
    const startMs = performance.now();
    waiting.push(
      link.request("umec.n1.p1.telemetry", body, { timeout: 30_000 }).then(
        () => latency.record(performance.now() - startMs),
        () => undefined,
      ),
    );
    await delay(frameEveryMs);
  }
  await Promise.all(waiting);
  return latency.percentile(99);
}

async function run(task: NodeTask): Promise<NodeResult> {
  const bus = await startBus({
    node: "n1",
    dir: task.dir,
    natsServerPath: task.natsServerPath,
    plugins: [],
    link: { urls: [task.leafUrl], credentialsFile: task.credentialsFile, reconnectMs: 100 },
    log: silentLog,
  });
  const linked = Promise.withResolvers<void>();
  bus.onLeafChange((connected) => connected && linked.resolve());
  if ((await bus.leafState()).connected) linked.resolve();
  await linked.promise;
  const link = await bus.connectLink();
  const { liveMs } = task;
  const quietP99Ms = liveMs === undefined ? 0 : await frames(link, AbortSignal.timeout(liveMs));
  const ended = new AbortController();
  const source = new LeafSource({ connection: link, leaf: bus, log: silentLog, signal: ended.signal });
  let fetchedBytes = 0;
  globalThis.gc?.();
  const before = statusBytes("VmRSS");
  const startMs = performance.now();
  const fetched = fetchBundle({
    ...{ source, bundle: task.bundle, seeds: task.seeds, dir: `${task.dir}/incoming`, log: silentLog },
    ...(task.rateBytesPerS !== undefined && { rateBytesPerS: task.rateBytesPerS }),
    onProgress: (progress) => {
      fetchedBytes = progress.fetchedBytes;
    },
    signal: ended.signal,
  });
  let busyP99Ms = 0;
  if (liveMs === undefined) await fetched;
  else {
    busyP99Ms = await frames(link, AbortSignal.timeout(liveMs));
    ended.abort(new Error("measured"));
    await fetched.catch(() => undefined);
  }
  const ms = performance.now() - startMs;
  const peakBytes = statusBytes("VmHWM") - before;
  await link.close();
  await bus.stop();
  return { ms, peakBytes, fetchedBytes, quietP99Ms, busyP99Ms };
}

function statusBytes(field: string): number {
  const text = readFileSync("/proc/self/status", "latin1");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) * 1024;
}

const task = process.argv[2];
if (task) process.stdout.write(JSON.stringify(await run(JSON.parse(task) as NodeTask)));
