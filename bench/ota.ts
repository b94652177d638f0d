/**
 * What an update costs on the link, in chunks of which the node takes from its slots what it can, beside a plain download of
 * the same bundle by HTTP.
 */
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { uploadBundle } from "../runtime/hub/ota-store.ts";
import { startHubServer } from "../runtime/hub/server.ts";
import { provisionStream } from "../runtime/hub/stream.ts";
import { silentLog } from "../runtime/log.ts";
import { findNatsServer } from "../runtime/nats/find-server.ts";
import { type Bench, runBench } from "./kit/bench.ts";
import { mb, round } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import type { Report, TableRow } from "./kit/report.ts";
import { type BenchBundle, makeBundles } from "./ota-bundles.ts";
import { compareCuts } from "./ota-cuts.ts";
import { startSlowLink } from "./ota-link.ts";
import type { NodeResult, NodeTask } from "./ota-node.ts";

const line = { bytesPerS: 1_250_000, delayMs: 20 };

const about = `
Bundles of the image of this tree: as it is, with changes in its JavaScript, with another C library. A node, a process with a
nats-server of its own, fetches the first, of which it has nothing, over a leaf link of ${line.bytesPerS / 125_000} Mbit/s each way, 40 ms there and back, and then
the others, with the first in a slot. Its rate cap is lifted for that.
The peer, in turn with it: the same file by HTTP over a line of the same kind. Told are bytes towards the node, all protocol
included, the time until the file is whole and verified, and memory of the node's process.

--cuts measures instead how many bytes other ways to cut would have it ask for.

Then frames of telemetry, 50 a second, beside a fetch that is capped as by default: how long 99 in 100 take, without and with it.
`;

const goals = { liveTimes: 2, memoryBytes: 20 * 2 ** 20 };

async function main(bench: Bench): Promise<Report> {
  const { path: natsServerPath } = await findNatsServer();
  const kept = bench.values.bundles;
  const bundles = await makeBundles(
    bench,
    typeof kept === "string" ? resolve(kept) : join(bench.dir, "bundles"),
  );
  if (bench.values.cuts) {
    const rows = await compareCuts(bundles);
    return { tables: [{ title: "What a node asks for, by how bundles are cut", rows }], goals: [] };
  }
  const [first, ...next] = bundles as [BenchBundle, ...BenchBundle[]];
  const hub = await startHubServer({
    dir: join(bench.dir, "hub"),
    natsServerPath,
    nodes: ["n1"],
    log: silentLog,
  });
  bench.defer(() => hub.stop());
  const fleet = await hub.connectFleet();
  bench.defer(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  const stored: TableRow[] = [];
  for (const { what, path, info } of bundles) {
    bench.progress(`uploading: ${what}`);
    const startMs = performance.now();
    const { chunks, newChunks, newBytes, treeBytes, indexBytes } = await uploadBundle({
      ...{ nc: fleet, path, info, signal: bench.signal },
    });
    stored.push({
      bundle: what,
      MB: mb(info.bytes),
      chunks,
      "new chunks": newChunks,
      "new MB": mb(newBytes),
      "hash trees MB": mb(treeBytes),
      "index kB": round(indexBytes / 1000),
      s: round((performance.now() - startMs) / 1000),
    });
  }
  const leafPort = Number(new URL(hub.leafUrl.replace("nats-leaf", "http")).port);
  // One node for all, as each fetch leaves the index of what it fetched for the next.
  const dir = join(bench.dir, "node");
  const node = async (task: Pick<NodeTask, "bundle" | "seeds" | "rateBytesPerS" | "liveMs">) => {
    await using link = await startSlowLink(leafPort, line);
    const whole: NodeTask = {
      ...{
        natsServerPath,
        dir,
        credentialsFile: hub.credentialsFile("n1"),
      },
      leafUrl: `nats-leaf://127.0.0.1:${link.port}`,
      ...task,
    };
    const script = join(import.meta.dirname, "ota-node.ts");
    // As bundle/launcher.sh has it.
    const flags = ["--max-semi-space-size=1"];
    const args = [
      "--disable-warning=ExperimentalWarning",
      ...flags,
      "--expose-gc",
      script,
      JSON.stringify(whole),
    ];
    const { stdout } = await promisify(execFile)(process.execPath, args, { signal: bench.signal });
    return { ...(JSON.parse(stdout) as NodeResult), bytes: link.bytes };
  };
  const rows: TableRow[] = [];
  let memory = 0;
  const cases = [
    { ...first, what: "everything", seeds: [] },
    ...next.map((bundle) => ({ ...bundle, seeds: first.slots })),
  ];
  for (const { what, path, info, seeds } of bench.quick ? cases.slice(1, 2) : cases) {
    bench.progress(`fetching: ${what}`);
    const ours = await node({ bundle: info, seeds, rateBytesPerS: 1e9 });
    bench.progress(`by HTTP: ${what}`);
    const plain = await download(path);
    memory = Math.max(memory, ours.peakBytes);
    rows.push({
      changed: what,
      "MB, chunks": mb(ours.bytes),
      "MB, HTTP": mb(plain.bytes),
      times: round(plain.bytes / ours.bytes),
      "s, chunks": round(ours.ms / 1000),
      "s, HTTP": round(plain.ms / 1000),
      "memory MiB": round(ours.peakBytes / 2 ** 20),
    });
  }
  bench.progress("frames beside a fetch");
  const live = await node({ bundle: first.info, seeds: [], liveMs: bench.quick ? 2000 : 20_000 });
  return {
    tables: [
      { title: `At the hub, one after another: ${await describeMachine()}`, rows: stored },
      { title: "To the node", rows },
    ],
    goals: [
      {
        goal: `p99 of live frames at most ${goals.liveTimes} times as long beside a fetch`,
        measured: `${round(live.quietP99Ms)} → ${round(live.busyP99Ms)} ms`,
        met: live.busyP99Ms <= goals.liveTimes * live.quietP99Ms,
      },
      {
        goal: `memory of the node's process at most ${goals.memoryBytes / 2 ** 20} MiB more while it fetches`,
        measured: `${round(memory / 2 ** 20)} MiB`,
        met: memory <= goals.memoryBytes,
      },
    ],
    notes: [`The fetch beside the frames carried ${mb(live.fetchedBytes)} MB in ${round(live.ms / 1000)} s.`],
  };
}

/** The file by HTTP, nothing kept. */
async function download(path: string): Promise<{ bytes: number; ms: number }> {
  const server = createServer((_, response) => void createReadStream(path).pipe(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await using link = await startSlowLink((server.address() as AddressInfo).port, line);
    const startMs = performance.now();
    const response = await fetch(`http://127.0.0.1:${link.port}/`);
    for await (const _ of response.body ?? []);
    return { bytes: link.bytes, ms: performance.now() - startMs };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const options = {
  cuts: { type: "boolean", help: "other ways to cut a bundle into chunks" },
  bundles: { type: "string", help: "folder where the bundles are, or are made and stay" },
} as const;

await runBench({ name: "ota", about, options }, main);
