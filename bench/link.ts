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
import { type Drained, drain, packSize, publishEach, startRig } from "./link-drain.ts";

const about = `
A node with a million samples in its outbox (packs of ${packSize} from 5 plugins) is linked to a hub, while 1,000 fresh
samples a second keep coming from two more plugins. Bus, outbox and link run in this process with a nats-server
of their own, the hub and its nats-server in another; a proxy between them counts bytes. The backlog's rate cap is
lifted. Told are the drain's samples a second, the latency of a fresh pack from its append until the hub's
acknowledgement has erased it, and bytes on the leaf link for each sample, all protocol included.

Each round drains twice, once with frames that are not signed, in turn first and second: told is what the signatures cost.

The peer, in turn with it: the same packs over the same leaf into the same stream, one message each, 64 of them
unacknowledged.

--bytes measures instead what a sample costs on the wire with other compressions, frame sizes and encodings.
`;

const goals = { signingPercent: 5, samplesPerS: 100_000, liveP99Ms: 50, bytesPerSample: 12 };

async function main(bench: Bench): Promise<Report> {
  const { path: natsServerPath } = await findNatsServer();
  if (bench.values.bytes) return measureBytes(bench, natsServerPath);
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
  const signingPercents = rate.map((signed, i) => 100 - (100 * signed) / unsignedRate[i]!);
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
    ],
    goals: [
      {
        goal: `≥ ${goals.samplesPerS.toLocaleString("en")} samples/s drained`,
        measured: spread(rate),
        met: median(rate) >= goals.samplesPerS,
      },
      {
        goal: `≤ ${goals.signingPercent} % of the rate for signatures`,
        measured: `${spread(signingPercents, 1)} %`,
        met: median(signingPercents) <= goals.signingPercent,
      },
      { goal: `live p99 ≤ ${goals.liveP99Ms} ms`, measured: `${round(p99)} ms`, met: p99 <= goals.liveP99Ms },
      {
        goal: `≤ ${goals.bytesPerSample} bytes a sample on the wire`,
        measured: `${round(median(wire))} bytes`,
        met: median(wire) <= goals.bytesPerSample,
      },
    ],
  };
}

await runBench(
  {
    name: "link",
    about,
    options: {
      bytes: { type: "boolean", help: "bytes a sample with other compressions, frames and encodings" },
    },
  },
  main,
);
