/**
 * How fast the link drains what waited out an outage, what fresh samples feel of that, and what a sample costs
 * on the wire; beside one message for each pack.
 */
import { findNatsServer } from "../runtime/nats/find-server.ts";
import { type Bench, runBench } from "./kit/bench.ts";
import { median, round, spread } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import type { Report } from "./kit/report.ts";
import { measureBytes } from "./link-bytes.ts";
import { type Drained, drain, packSize, publishEach, signatureCpuUs, startRig } from "./link-drain.ts";

const about = `
A node with a million samples in its outbox (packs of ${packSize} from 5 plugins) is linked to a hub, while 1,000 fresh
samples a second keep coming from two more plugins. Bus, outbox and link run in this process with a nats-server
of their own, the hub and its nats-server in another; a proxy between them counts bytes. The backlog's rate cap is
lifted. Told are the drain's samples a second, the latency of a fresh pack from its append until the hub's
acknowledgement has erased it, and bytes on the leaf link for each sample, all protocol included.

Each round drains twice, once with frames that are not signed, in turn first and second: told is what the signatures cost,
of the rate and of this process' processor time for each sample. The latter is the goal, as it holds on a busy machine too.

--signing measures nothing but that, with a backlog of 300,000 samples.

The peer, in turn with it: the same packs over the same leaf into the same stream, one message each, 64 of them
unacknowledged.

--bytes measures instead what a sample costs on the wire with other compressions, frame sizes and encodings.
`;

const goals = { signingPercent: 5, samplesPerS: 100_000, liveP99Ms: 50, bytesPerSample: 12 };

async function main(bench: Bench): Promise<Report> {
  const { path: natsServerPath } = await findNatsServer();
  if (bench.values.bytes) return measureBytes(bench, natsServerPath);
  if (bench.values.signing) return measureSigning(bench, natsServerPath);
  const rounds = bench.quick ? 1 : 6;
  const rig = await startRig(bench, natsServerPath, bench.quick ? 200_000 : 1_000_000);
  const drained: Drained[] = [];
  const unsigned: Drained[] = [];
  const peer: Awaited<ReturnType<typeof publishEach>>[] = [];
  // To warm up.
  await publishEach(rig, 300);
  for (let i = 0; i < rounds; i++) {
    for (const signed of i % 2 === 0 ? [true, false] : [false, true])
      (signed ? drained : unsigned).push(await drain(rig, i, { signed }));
    bench.progress(`round ${i + 1}: one message for each pack`);
    peer.push(await publishEach(rig, bench.quick ? 1000 : 3000));
  }
  const rate = drained.map(({ samplesPerS }) => samplesPerS);
  const unsignedRate = unsigned.map(({ samplesPerS }) => samplesPerS);
  const signing = signingCost(drained, unsigned);
  const peerRate = peer.map(({ samplesPerS }) => samplesPerS);
  const p99 = median(drained.map(({ liveP99Ms }) => liveP99Ms));
  const wire = drained.map(({ wireBytesPerSample }) => wireBytesPerSample);
  const cpuOf = (all: readonly Pick<Drained, "cpu">[]) => ({
    "node %": Math.round(median(all.map(({ cpu }) => cpu.node))),
    "bus %": Math.round(median(all.map(({ cpu }) => cpu.bus))),
    "hub %": Math.round(median(all.map(({ cpu }) => cpu.hub))),
  });
  return {
    tables: [
      {
        title: `Drain beside 1,000 fresh samples a second, ${rounds} rounds: ${await describeMachine()}`,
        rows: [
          {
            way: "link",
            "samples/s": spread(rate),
            "bytes/sample on the wire": spread(wire, 1),
            ...cpuOf(drained),
          },
          {
            way: "link, frames not signed",
            "samples/s": spread(unsignedRate),
            "bytes/sample on the wire": spread(
              unsigned.map(({ wireBytesPerSample }) => wireBytesPerSample),
              1,
            ),
            ...cpuOf(unsigned),
          },
          {
            way: "one message a pack",
            "samples/s": spread(peerRate),
            "bytes/sample on the wire": spread(
              peer.map(({ wireBytesPerSample }) => wireBytesPerSample),
              1,
            ),
            ...cpuOf(peer),
          },
        ],
      },
      {
        title: "The link in the drain",
        rows: [
          {
            "live p50 ms": spread(
              drained.map(({ liveP50Ms }) => liveP50Ms),
              1,
            ),
            "live p99 ms": spread(
              drained.map(({ liveP99Ms }) => liveP99Ms),
              1,
            ),
            "bytes/sample in the frame": spread(
              drained.map(({ frameBytesPerSample }) => frameBytesPerSample),
              1,
            ),
            "samples/frame": spread(drained.map(({ samplesPerFrame }) => samplesPerFrame)),
            ratio: `${round(median(rate) / median(peerRate))} × one message a pack`,
          },
        ],
      },
      signing.table,
    ],
    goals: [
      {
        goal: `≥ ${goals.samplesPerS.toLocaleString("en")} samples/s drained`,
        measured: spread(rate),
        met: median(rate) >= goals.samplesPerS,
      },
      signing.goal,
      { goal: `live p99 ≤ ${goals.liveP99Ms} ms`, measured: `${round(p99)} ms`, met: p99 <= goals.liveP99Ms },
      {
        goal: `≤ ${goals.bytesPerSample} bytes a sample on the wire`,
        measured: `${round(median(wire))} bytes`,
        met: median(wire) <= goals.bytesPerSample,
      },
    ],
  };
}

async function measureSigning(bench: Bench, natsServerPath: string): Promise<Report> {
  const rounds = bench.quick ? 2 : 5;
  const rig = await startRig(bench, natsServerPath, bench.quick ? 100_000 : 300_000);
  const [signed, unsigned]: [Drained[], Drained[]] = [[], []];
  // To warm up.
  await drain(rig, rounds);
  for (let i = 0; i < rounds; i++) {
    for (const one of i % 2 === 0 ? [true, false] : [false, true])
      (one ? signed : unsigned).push(await drain(rig, i, { signed: one }));
  }
  const { table, goal } = signingCost(signed, unsigned);
  return { tables: [{ ...table, title: `${table.title}: ${await describeMachine()}` }], goals: [goal] };
}

/**
 * Two ways: what one frame's signature takes by itself, times the frames of 100,000 samples; and the difference between
 * drains with and without. The first is the goal: it is as good on a busy machine, where drains differ by more than
 * signatures cost.
 */
function signingCost(signed: readonly Drained[], unsigned: readonly Drained[]) {
  const cpu = (all: readonly Drained[]) => all.map(({ cpuMsPer100k }) => cpuMsPer100k);
  const rate = (all: readonly Drained[]) => all.map(({ samplesPerS }) => samplesPerS);
  const samplesPerFrame = median(signed.map((one) => one.samplesPerFrame));
  const frameBytes = samplesPerFrame * median(signed.map(({ frameBytesPerSample }) => frameBytesPerSample));
  const frameUs = signatureCpuUs(Math.round(frameBytes));
  const ms = (frameUs * (100_000 / samplesPerFrame)) / 1000;
  const percent = (100 * ms) / median(cpu(unsigned));
  const between = 100 * (median(cpu(signed)) / median(cpu(unsigned)) - 1);
  const row = (frames: string, all: readonly Drained[]) => ({
    frames,
    "node's ms of CPU / 100,000 samples": spread(cpu(all)),
    "samples/s": spread(rate(all)),
    "samples/frame": spread(all.map((one) => one.samplesPerFrame)),
  });
  const alone = {
    frames: "the signatures by themselves",
    "node's ms of CPU / 100,000 samples": String(round(ms)),
  };
  return {
    table: {
      title: `What signatures cost, ${signed.length} rounds in turn`,
      rows: [row("signed", signed), row("not signed", unsigned), alone],
    },
    goal: {
      goal: `≤ ${goals.signingPercent} % of the processor time for signatures`,
      measured: `${round(percent)} %, ${round(frameUs)} µs a frame; between the drains ${round(between)} %`,
      met: percent <= goals.signingPercent,
    },
  };
}

await runBench(
  {
    name: "link",
    about,
    options: {
      bytes: { type: "boolean", help: "bytes a sample with other compressions, frames and encodings" },
      signing: { type: "boolean", help: "what signatures cost, and nothing else" },
    },
  },
  main,
);
