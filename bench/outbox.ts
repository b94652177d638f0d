/**
 * How many samples a second the outbox makes durable, and how soon it says so; beside JetStream in a file.
 */
import { findNatsServer } from "../runtime/nats/find-server.ts";
import { type Bench, runBench } from "./kit/bench.ts";
import { median, round, spread } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import type { Goal, Report, TableRow } from "./kit/report.ts";
import { startBusRoute } from "./outbox-bus.ts";
import { type Load, type Measured, measure, type Offered, offer, packsFor } from "./outbox-load.ts";
import { measureOpening } from "./outbox-open.ts";
import { jetstreamStore, outboxStore, type Store } from "./outbox-stores.ts";

const about = `
Durable samples a second and the time to the acknowledgement, for packs of 1, 10 and 100 samples from 1, 8 and
64 emitters: the outbox (a thread of its own, all defaults) beside a JetStream stream in a file with
sync_interval: always, which promises the same. Same bytes, same disk, same emitters, in turn (A B A B).

An emitter has up to --window packs unacknowledged, since a driver goes on sampling while one is on its way to the
disk; with a window of 1 its rate would be one over the latency, however fast the store. Nothing is erased meanwhile,
except in the row "erasing": there each row is erased once stored, as it is with a link that is up.

The outbox is in the process of the emitters, JetStream behind a socket. "Through the bus" is the outbox as a driver
meets it: emit, nats-server, ingest, outbox and back, with both ends in one event loop.
--open fills an outbox with 10 million rows and measures how long opening it takes, also after a kill -9.
`;

const goalSamplesPerS = 100_000;
const goalP99Ms = 20;
const goalRatio = 10;
const busEmitters = 8;

type StoreRow = TableRow & { ratio: number };
type OfferedRow = TableRow & { "kept up": "yes" | "no" };

async function main(bench: Bench): Promise<Report> {
  if (bench.values.open) return measureOpening(bench);
  const window = Number(bench.values.window ?? 16);
  if (!(window >= 1)) throw new Error(`--window ${bench.values.window} is no number of packs`);
  const rounds = bench.quick ? 1 : 3;
  const ms = bench.quick ? 500 : 2000;
  const { path: natsServerPath } = await findNatsServer();
  const outbox = await outboxStore(bench);
  const peer = await jetstreamStore(bench, natsServerPath);

  const loads: Load[] = [1, 10, 100].flatMap((size) =>
    [1, 8, 64].map((emitters) => ({ size, emitters, window })),
  );
  loads.push({ size: 10, emitters: 64, window: 1 });
  const rows: StoreRow[] = [];
  for (const load of loads) rows.push(await compare(bench, load, [outbox, peer], rounds, ms));
  const erasing = await outboxStore(bench, { erase: true });
  const live = await compare(bench, { size: 10, emitters: 8, window }, [erasing, peer], rounds, ms);
  const offered = await offerFixed(bench, [outbox, peer], rounds, ms);
  const bus = await throughBus(bench, natsServerPath, window, rounds, ms);
  return {
    tables: [
      {
        title: `Durable samples a second, ${rounds} rounds of ${ms / 1000} s: ${await describeMachine()}`,
        rows,
      },
      { title: "With each row erased once it is stored", rows: [live] },
      {
        title: `${goalSamplesPerS.toLocaleString("en")} samples a second offered, packs of 10 from 8 emitters`,
        rows: offered,
      },
      { title: `Through the bus, ${busEmitters} plugins`, rows: bus },
    ],
    goals: goalsFor(rows, offered[0]!),
    notes: ["Figures are medians of the rounds, with the least and the most in parentheses."],
  };
}

async function compare(
  bench: Bench,
  load: Load,
  stores: readonly [Store, Store],
  rounds: number,
  ms: number,
): Promise<StoreRow> {
  const packs = packsFor(load);
  const results = stores.map((): (Measured & { written: number })[] => []);
  for (let round = -1; round < rounds; round++) {
    for (const [i, store] of stores.entries()) {
      bench.progress(`${load.size} samples × ${load.emitters} emitters: ${store.name}, round ${round + 1}`);
      await store.reset(load.emitters, packs[0]!);
      const before = store.writtenBytes();
      const append = (emitter: number, pack: number): Promise<void> =>
        store.append(emitter, packs[pack]!, load.size);
      const result = await measure(load, packs, append, round < 0 ? 300 : ms, bench.signal);
      const written = (store.writtenBytes() - before) / result.payloadBytes;
      // The first one is to warm up.
      if (round >= 0) results[i]!.push({ ...result, written });
    }
  }
  const [ours, theirs] = results as [(typeof results)[0], (typeof results)[0]];
  const rate = ours.map(({ samplesPerS }) => samplesPerS);
  const peerRate = theirs.map(({ samplesPerS }) => samplesPerS);
  return {
    pack: load.size,
    emitters: load.emitters,
    window: load.window,
    "outbox samples/s": spread(rate),
    "p50 ms": round(median(ours.map(({ p50Ms }) => p50Ms))),
    "p99 ms": round(median(ours.map(({ p99Ms }) => p99Ms))),
    "written/payload": round(median(ours.map(({ written }) => written)), 2),
    "JetStream samples/s": spread(peerRate),
    "p50 ms ": round(median(theirs.map(({ p50Ms }) => p50Ms))),
    "p99 ms ": round(median(theirs.map(({ p99Ms }) => p99Ms))),
    "written/payload ": round(median(theirs.map(({ written }) => written)), 2),
    ratio: round(median(rate) / median(peerRate)),
  };
}

async function throughBus(
  bench: Bench,
  natsServerPath: string,
  window: number,
  rounds: number,
  ms: number,
): Promise<TableRow[]> {
  const route = await startBusRoute(bench, natsServerPath, busEmitters);
  const rows: TableRow[] = [];
  for (const size of [1, 10, 100]) {
    const load: Load = { size, emitters: busEmitters, window };
    const results: Measured[] = [];
    for (let round = -1; round < rounds; round++) {
      bench.progress(`${size} samples × ${busEmitters} plugins through the bus, round ${round + 1}`);
      const result = await measure(
        load,
        packsFor(load),
        route.append(load),
        round < 0 ? 300 : ms,
        bench.signal,
      );
      if (round >= 0) results.push(result);
    }
    rows.push({
      pack: size,
      emitters: busEmitters,
      window,
      "samples/s": spread(results.map(({ samplesPerS }) => samplesPerS)),
      "p50 ms": round(median(results.map(({ p50Ms }) => p50Ms))),
      "p99 ms": round(median(results.map(({ p99Ms }) => p99Ms))),
    });
  }
  await route.stop();
  return rows;
}

async function offerFixed(
  bench: Bench,
  stores: readonly Store[],
  rounds: number,
  ms: number,
): Promise<OfferedRow[]> {
  const load = { size: 10, emitters: 8, samplesPerS: goalSamplesPerS };
  const packs = packsFor({ ...load, window: 1 });
  const results = stores.map((): Offered[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, store] of stores.entries()) {
      bench.progress(`${goalSamplesPerS} samples/s offered: ${store.name}, round ${round + 1}`);
      await store.reset(load.emitters, packs[0]!);
      const append = (emitter: number, pack: number): Promise<void> =>
        store.append(emitter, packs[pack]!, load.size);
      results[i]!.push(await offer(load, packs, append, ms, bench.signal));
    }
  }
  return stores.map(({ name }, i) => ({
    store: name,
    "samples/s": spread(results[i]!.map(({ samplesPerS }) => samplesPerS)),
    "p50 ms": round(median(results[i]!.map(({ p50Ms }) => p50Ms))),
    "p99 ms": round(median(results[i]!.map(({ p99Ms }) => p99Ms))),
    "not taken": spread(results[i]!.map(({ notTaken }) => notTaken)),
    "kept up": results[i]!.every(keptUp) ? "yes" : "no",
  }));
}

/** The last acknowledgement comes after the last pack was offered: a little less than the rate is no loss. */
function keptUp({ samplesPerS, notTaken }: Offered): boolean {
  return notTaken === 0 && samplesPerS >= 0.95 * goalSamplesPerS;
}

function goalsFor(rows: readonly StoreRow[], offered: OfferedRow): Goal[] {
  const tenfold = rows.filter(({ ratio }) => ratio >= goalRatio);
  const ratios = rows.map(({ ratio }) => ratio);
  return [
    {
      goal: `${goalSamplesPerS.toLocaleString("en")} samples/s at p99 ≤ ${goalP99Ms} ms, packs of 10`,
      measured: `p99 ${offered["p99 ms"]} ms at ${offered["samples/s"]} samples/s`,
      met: offered["kept up"] === "yes" && Number(offered["p99 ms"]) <= goalP99Ms,
    },
    {
      goal: `≥ ${goalRatio} × JetStream`,
      measured: `${Math.min(...ratios)} to ${Math.max(...ratios)} ×, reached in ${tenfold.length} of ${rows.length} loads`,
      met: tenfold.length === rows.length,
    },
  ];
}

await runBench(
  {
    name: "outbox",
    about,
    options: {
      window: { type: "string", help: "packs that an emitter has unacknowledged (default: 16)" },
      open: {
        type: "boolean",
        help: "measure opening with 10 million waiting rows instead (minutes, 2 GB of disk)",
      },
    },
  },
  main,
);
