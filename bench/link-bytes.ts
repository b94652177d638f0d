/**
 * What a sample costs on the wire, by what could be done about it. Two bare nats-servers with a leaf link between
 * them, a proxy that counts, and frames with all the headers of the link's, one at a time: each waits for its
 * answer, so nothing is compressed together that would not be. Counted is what goes to the hub.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { zstdCompressSync } from "node:zlib";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { startCutProxy } from "../runtime/demo/cut-proxy.ts";
import { formatFrameHeader, frameHeaderName } from "../runtime/frame.ts";
import { buildFrame, type Frame } from "../runtime/link/frame-builder.ts";
import { silentLog } from "../runtime/log.ts";
import { startNatsServer } from "../runtime/nats/server-process.ts";
import type { Bench } from "./kit/bench.ts";
import { round } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import { cpuMsOf } from "./kit/process.ts";
import type { Report, TableRow } from "./kit/report.ts";
import { createDevice } from "./kit/samples.ts";
import { type Encoding, encodeRecords, encodings } from "./link-encodings.ts";

const packSize = 10;
const subject = "umec.lamp-0042.meter.telemetry";
const compressions = ["off", "s2_fast", "s2_better", "s2_best"] as const;
type Compression = (typeof compressions)[number];

interface Leaf {
  connection: NatsConnection;
  pid: number;
  sentBytes(): number;
}

export async function measureBytes(bench: Bench, natsServerPath: string): Promise<Report> {
  const total = bench.quick ? 10_000 : 100_000;
  const rows: TableRow[] = [];
  for (const compression of compressions) {
    const leaf = await startLeaf(bench, natsServerPath, compression);
    for (const packs of [1, 10, 130, 400]) {
      bench.progress(`${compression}, ${packs} packs a frame`);
      rows.push(await carry(leaf, { compression, packs, encoding: "as it is", total }));
    }
    if (compression !== "s2_best") continue;
    for (const encoding of encodings.slice(1)) {
      for (const packs of [1, 130]) {
        bench.progress(`${encoding}, ${packs} packs a frame`);
        rows.push(await carry(leaf, { compression, packs, encoding, total }));
      }
    }
  }
  const plain = await startLeaf(bench, natsServerPath, "off");
  for (const packs of [1, 130]) {
    rows.push(await carry(plain, { compression: "off", packs, encoding: "as it is", total, zstd: true }));
  }
  return {
    tables: [{ title: `Bytes for each sample, packs of ${packSize}: ${await describeMachine()}`, rows }],
    goals: [],
    notes: ["Processor time is that of the node's nats-server, in steps of 10 ms over the whole row."],
  };
}

interface Variant {
  compression: Compression;
  packs: number;
  encoding: Encoding;
  total: number;
  /** The payload is compressed by zstd, level 3, before it is published. */
  zstd?: boolean;
}

async function carry(leaf: Leaf, { compression, packs, encoding, total, zstd }: Variant): Promise<TableRow> {
  const take = createDevice("meter1", 1);
  const count = Math.max(5, Math.ceil(total / packs / packSize));
  const frames = Array.from({ length: count }, (_, i) => frameOf(take, packs, encoding, i));
  const before = leaf.sentBytes();
  const cpu = cpuMsOf(leaf.pid);
  let frameBytes = 0;
  for (const { payload, header } of frames) {
    const lines = headers();
    lines.set(frameHeaderName, formatFrameHeader(header));
    lines.set("Nats-Expected-Last-Subject-Sequence", String(header.last));
    const bytes = zstd ? zstdCompressSync(payload) : payload;
    frameBytes += bytes.length;
    await leaf.connection.request(subject, bytes, { headers: lines, timeout: 5000 });
  }
  const samples = count * packs * packSize;
  return {
    "leaf compression": compression,
    encoding: zstd ? "zstd" : encoding,
    "packs/frame": packs,
    "frame bytes/sample": round(frameBytes / samples),
    "wire bytes/sample": round((leaf.sentBytes() - before) / samples, 2),
    "µs/sample": round(((cpuMsOf(leaf.pid) - cpu) * 1000) / samples, 2),
  };
}

function frameOf(take: ReturnType<typeof createDevice>, packs: number, encoding: Encoding, i: number): Frame {
  const rows = Array.from({ length: packs }, (_, j) => ({
    id: i * packs + j + 1,
    chain: 1,
    row: i * packs + j + 1,
    samples: packSize,
    timeMs: 1_790_000_000_000 + (i * packs + j) * 1000,
    timeEstimated: false,
    gap: false,
    records: encodeRecords(take(packSize), encoding),
  }));
  return buildFrame(rows, "lamp-0042/meter/", "5f0c1e22a9b04d37", 1);
}

async function startLeaf(bench: Bench, path: string, compression: Compression): Promise<Leaf> {
  const name = `${compression}-${performance.now()}`;
  const common = { path, log: silentLog, memoryLimitBytes: 256 * 2 ** 20 };
  const hub = await startNatsServer({
    ...common,
    name: "hub",
    dir: join(bench.dir, name, "hub"),
    config: (ports) => `server_name: hub
listen: "127.0.0.1:${ports.client}"
leafnodes { listen: "127.0.0.1:${ports.leaf}", compression: { mode: "${compression}" } }
`,
  });
  bench.defer(() => hub.stop());
  const proxy = await startCutProxy({ host: "127.0.0.1", port: hub.ports.leaf });
  bench.defer(() => proxy[Symbol.asyncDispose]());
  const responder = await connect({ servers: hub.url });
  bench.defer(() => responder.close());
  responder.subscribe("umec.>", { callback: (_, message) => void message.respond("{}") });
  await responder.flush();
  const remote = `{ urls: ["nats-leaf://127.0.0.1:${proxy.port}"], compression: { mode: "${compression}" } }`;
  const node = await startNatsServer({
    ...common,
    name: "node",
    dir: join(bench.dir, name, "node"),
    config: (ports) => `server_name: node
listen: "127.0.0.1:${ports.client}"
leafnodes { reconnect: "100ms", remotes: [${remote}] }
`,
  });
  bench.defer(() => node.stop());
  const connection = await connect({ servers: node.url, inboxPrefix: "_INBOX_lamp-0042" });
  bench.defer(() => connection.close());
  await untilAnswered(connection, bench.signal);
  return { connection, pid: node.pid, sentBytes: () => proxy.sentBytes };
}

/** Until the leaf is up nobody answers, and that is said at once. */
async function untilAnswered(connection: NatsConnection, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const answered = await connection.request(subject, "", { timeout: 100 }).catch(() => undefined);
    if (answered) return;
    await delay(10);
  }
}
