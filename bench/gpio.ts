/**
 * Whether the GPIO driver takes 5,000 edges a second without a loss, what that costs, and how far software PWM strays.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { measureBoard } from "./gpio-board.ts";
import type { Observed } from "./gpio-node.ts";
import { type GpioNode, type Sending, startGpioNode } from "./gpio-rig.ts";
import { type Bench, runBench } from "./kit/bench.ts";
import { Latency, round } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import type { Report, TableRow } from "./kit/report.ts";

const about = `
Edges: a node with bus, outbox and the GPIO driver, whose line's descriptor is a pipe of the kernel. Another process
writes struct gpio_v2_line_event into it, each edge at its moment with the time and the number of the kernel, and
leaves out an edge that finds 1,024 unread, as the kernel's buffer would. Only the ioctls are made up; epoll, read(2)
and all that follows is what runs on a board. 5,000 edges a second for 30 s (--quick: 3 s), each one a sample; then the
outbox is read as a user would, and each edge must be there, once, in order. Then the same with edges that are counted
only. Then faster, 5 s each, until edges are lost. Late is the time from the edge's stamp until it was read, and until
the outbox had it on disk. The processor time is that of the runtime, all threads.

PWM: the same driver with an output at 20, 50 and 100 Hz and 30 percent for 20 s (--quick: 3 s) each; the moment of each
ioctl that sets the line. Told is how far a period, from one rise to the next, is from the one that was asked for, and
the time that the output was on from 30 percent of it; once with nothing else to do, once beside 5,000 edges a second.

--board measures instead, on the image on QEMU's virt (\`make image\`), how many edges of gpio-sim, the kernel's own twin
of a chip, arrive: the ioctls, interrupts and buffers are the kernel's, times are those of an emulation.
`;

const edgesPerS = 5000;
const faster = [10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 80_000, 100_000, 120_000];
const goals = { lateMs: 100 };
const wheel = { line: "gpiochip0:0" };
const pwm = { frequenciesHz: [20, 50, 100], percent: 30, offset: 1 };

async function main(bench: Bench): Promise<Report> {
  if (bench.values.board) {
    const rows = await measureBoard(bench);
    return { tables: [{ title: `gpio-sim on QEMU's virt: ${await describeMachine()}`, rows }], goals: [] };
  }
  const seconds = bench.quick ? 3 : 30;
  const steady = await measureSteady(bench, seconds);
  const counted = await measureCounted(bench, seconds);
  const ramp = await measureFaster(bench);
  const jitter = await measurePwm(bench);
  const lossless = ramp.filter(({ whole }) => whole).map(({ perS }) => perS);
  const { observed } = steady.sending;
  return {
    tables: [
      {
        title: `Edges that are samples, ${seconds} s: ${await describeMachine()}`,
        rows: [steady.row, ...ramp.map(({ row }) => row)],
      },
      { title: "Edges that are counted", rows: [counted] },
      { title: `PWM of ${pwm.percent} %, ms off`, rows: jitter },
    ],
    goals: [
      {
        goal: `${edgesPerS} edges/s for ${seconds} s, none lost`,
        measured: `${observed.stored} of ${steady.sending.sent + steady.sending.dropped} are in the outbox, in order`,
        met: steady.whole,
      },
      {
        goal: `p99 on disk within ${goals.lateMs} ms`,
        measured: `${round(observed.storedMs.p99)} ms`,
        met: observed.storedMs.p99 <= goals.lateMs,
      },
    ],
    notes: [
      `Highest rate without a loss: ${Math.max(edgesPerS, ...lossless)} edges/s. From source: Node strips the types.`,
    ],
  };
}

const rowOf = (perS: number, { sent, dropped, ...sending }: Sending): TableRow => ({
  "edges/s": perS,
  sent: sent + dropped,
  "on disk": sending.observed.stored,
  lost: sent + dropped - sending.observed.stored,
  "told as lost": sending.observed.lost,
  "largest burst": sending.largestBurst,
  "most waiting": sending.mostWaiting,
  "read p50 ms": round(sending.observed.readMs.p50, 2),
  "read p99 ms": round(sending.observed.readMs.p99, 2),
  "disk p50 ms": round(sending.observed.storedMs.p50),
  "disk p99 ms": round(sending.observed.storedMs.p99),
  "disk most ms": round(sending.observed.storedMs.most),
  "runtime CPU %": round(sending.runtimePercent),
  "nats-server CPU %": round(sending.natsPercent),
});

async function measureSteady(bench: Bench, seconds: number) {
  const node = await startGpioNode(bench, "steady", { inputs: { wheel } });
  bench.progress(`${edgesPerS} edges a second`);
  const count = edgesPerS * seconds;
  // To warm up.
  await node.send({ perS: edgesPerS, count: edgesPerS });
  const sending = await node.send({ perS: edgesPerS, count });
  await node.stop();
  bench.progress("looking at what was stored");
  const stored = await edgesIn(node.outbox);
  const whole = stored === count + edgesPerS && sending.dropped === 0 && sending.observed.lost === 0;
  return { sending, whole, row: rowOf(edgesPerS, sending) };
}

/** Number of edges in the outbox; throws when one is out of order, not good, or does not follow its opposite. */
async function edgesIn(outbox: string): Promise<number> {
  const umec = join(import.meta.dirname, "..", "runtime", "cli", "umec.ts");
  const args = [
    "--disable-warning=ExperimentalWarning",
    umec,
    "outbox",
    "export",
    outbox,
    "--format",
    "ndjson",
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let [count, lastMs, level] = [-1, 0, true];
  for await (const line of createInterface({ input: child.stdout })) {
    const { name, value, timeMs, time, quality } = JSON.parse(line);
    if (name !== "wheel") continue;
    const at = timeMs ?? Date.parse(time);
    // The first is the level at the start.
    if (count >= 0 && (value !== level || at < lastMs || (quality ?? "good") !== "good")) {
      throw new Error(`edge ${count} is wrong, or not after the one before: ${line}`);
    }
    [count, lastMs, level] = [count + 1, at, !value];
    if (count === 0) level = true;
  }
  return count;
}

async function measureCounted(bench: Bench, seconds: number): Promise<TableRow> {
  const input = { ...wheel, count: true, report: false };
  // The second input is there for its level, which tells that the node runs.
  const inputs = { counted: input, wheel: { line: "gpiochip0:2", edge: "none" } };
  const node = await startGpioNode(bench, "counted", { inputs });
  bench.progress("edges that are counted");
  await node.send({ perS: edgesPerS, count: edgesPerS, told: false });
  const { observed, ...sending } = await node.send({
    perS: edgesPerS,
    count: edgesPerS * seconds,
    told: false,
  });
  await node.stop();
  return {
    "edges/s": edgesPerS,
    sent: sending.sent + sending.dropped,
    read: observed.read,
    lost: observed.lost + sending.dropped,
    "read p50 ms": round(observed.readMs.p50, 2),
    "read p99 ms": round(observed.readMs.p99, 2),
    "runtime CPU %": round(sending.runtimePercent),
  };
}

/** Faster and faster, up to the first rate at which one is lost. */
async function measureFaster(bench: Bench) {
  const node = await startGpioNode(bench, "faster", { inputs: { wheel } });
  const rows: { perS: number; whole: boolean; row: TableRow }[] = [];
  for (const perS of bench.quick ? faster.slice(0, 2) : faster) {
    bench.progress(`${perS} edges a second`);
    const sending = await node.send({ perS, count: perS * (bench.quick ? 2 : 5) });
    const { sent, dropped, tookMs, observed } = sending;
    const inTime = tookMs < (bench.quick ? 2200 : 5200);
    const whole = inTime && dropped === 0 && observed.lost === 0 && observed.stored === sent;
    rows.push({ perS, whole, row: rowOf(perS, sending) });
    if (!whole) break;
  }
  await node.stop();
  return rows;
}

async function measurePwm(bench: Bench): Promise<TableRow[]> {
  const rows: TableRow[] = [];
  for (const hz of pwm.frequenciesHz) {
    const outputs = { fan: { line: `gpiochip0:${pwm.offset}`, pwmHz: hz } };
    const node = await startGpioNode(bench, `pwm-${hz}`, { inputs: { wheel }, outputs });
    await node.command("fan", pwm.percent);
    for (const busy of [false, true]) {
      bench.progress(`PWM of ${hz} Hz${busy ? " beside edges" : ""}`);
      const seconds = bench.quick ? 3 : 20;
      await node.observe();
      rows.push(jitterOf(hz, busy, await switchesDuring(bench, node, seconds, busy)));
    }
    await node.stop();
  }
  return rows;
}

async function switchesDuring(bench: Bench, node: GpioNode, seconds: number, busy: boolean) {
  if (busy) return (await node.send({ perS: edgesPerS, count: edgesPerS * seconds })).observed.switches;
  await delay(seconds * 1000, undefined, { signal: bench.signal });
  return (await node.observe()).switches;
}

function jitterOf(hz: number, busy: boolean, switches: Observed["switches"]): TableRow {
  const [period, on] = [new Latency(), new Latency()];
  const periodMs = 1000 / hz;
  const onMs = (periodMs * pwm.percent) / 100;
  let roseMs: number | undefined;
  let [sumMs, falls] = [0, 0];
  for (const { value, atMs } of switches) {
    if (value) {
      if (roseMs !== undefined) period.record(Math.abs(atMs - roseMs - periodMs));
      roseMs = atMs;
    } else if (roseMs !== undefined) {
      on.record(Math.abs(atMs - roseMs - onMs));
      sumMs += atMs - roseMs;
      falls++;
    }
  }
  const spanMs = switches.length > 0 ? switches.at(-1)!.atMs - switches[0]!.atMs : Number.NaN;
  return {
    Hz: hz,
    beside: busy ? `${edgesPerS} edges/s` : "nothing",
    periods: period.count,
    "Hz measured": round(((switches.length - 1) * 500) / spanMs, 2),
    "period p50": round(period.percentile(50), 2),
    "period p99": round(period.percentile(99), 2),
    "period most": round(period.percentile(100), 2),
    "on p50": round(on.percentile(50), 2),
    "on p99": round(on.percentile(99), 2),
    "duty cycle %": round((sumMs * 100) / falls / periodMs, 1),
  };
}

await runBench(
  { name: "gpio", about, options: { board: { type: "boolean", help: "gpio-sim on an emulated board" } } },
  main,
);
