/**
 * What drivers cost: many points on time, and the memory of each driver when it is loaded.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { drivers } from "../runtime/drivers.ts";
import { type Bench, runBench } from "./kit/bench.ts";
import { Latency, median, round } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import { cpuMsOf, memoryOf, natsServerPid } from "./kit/process.ts";
import type { Report, TableRow } from "./kit/report.ts";

const about = `
Points: \`umec run\` as a process of its own with 10 Modbus plugins, each with one TCP connection to a server in another
process and 1,000 holding registers that are read, decoded and stored once a second. Told are the processor time of
the runtime (all threads, the outbox's too) and of its nats-server over 20 s (--quick: 5 s), and how late samples are: the
moment of each sample against the grid of a second that its point's earliest sample gives.

Memory: \`umec run\` with one plugin of each driver whose device is not there, PSS beside that of a node without plugins;
medians of 5 readings. --program names a bundle's program: from source, memory is mostly that of stripping types.
`;

const plugins = 10;
const pointsEach = 1000;
const goals = { cpuPercent: 60, lateMs: 100 };
const source = join(import.meta.dirname, "..", "runtime", "cli", "umec.ts");

/** A plugin of each driver that runs with nothing attached. */
const idle: Readonly<Record<string, object>> = {
  gpio: { inputs: { door: { line: "gpiochip0:0" } } },
  http: {
    requests: {
      a: { url: "http://127.0.0.1:9/", intervalMs: 60_000, points: { value: { pointer: "/value" } } },
    },
  },
  i2c: { bus: 7, devices: { t0: { type: "tmp105", address: 0x48 } } },
  modbus: { host: "127.0.0.1", port: 9, units: { m: { unit: 1, registers: { a: { address: 0 } } } } },
  onvif: { host: "127.0.0.1", port: 9 },
  serial: { path: "/dev/ttyNONE", framing: "nmea" },
  spi: { bus: 7, devices: { oven: { type: "max31855", chipSelect: 0 } } },
  system: {},
  v4l2: { device: "/dev/video99" },
};

async function main(bench: Bench): Promise<Report> {
  const program = String(bench.values.program ?? source);
  const load = await measurePoints(bench, program);
  const memory = await measureMemory(bench, program);
  const title = await describeMachine();
  return {
    tables: [
      {
        title: `${plugins * pointsEach} points at 1 Hz over ${plugins} connections: ${title}`,
        rows: [load.row],
      },
      { title: "Memory of each driver when it is loaded, its device away", rows: memory },
    ],
    goals: [
      {
        goal: `10,000 points at 1 Hz take < ${goals.cpuPercent} % of a core`,
        measured: `${load.cpuPercent} %`,
        met: load.cpuPercent < goals.cpuPercent,
      },
      {
        goal: `nothing is late by more than ${goals.lateMs} ms at p99`,
        measured: `${load.lateMs} ms`,
        met: load.lateMs <= goals.lateMs,
      },
    ],
    notes: [program === source ? "From source: Node strips the types." : `Of ${program}.`],
  };
}

async function measurePoints(bench: Bench, program: string) {
  const slaves = fork(join(import.meta.dirname, "drivers-slaves.ts"), [String(plugins), String(pointsEach)]);
  bench.defer(() => slaves.disconnect());
  const [ports] = (await once(slaves, "message")) as [number[]];
  const data = join(bench.dir, "points");
  const registers = Object.fromEntries(
    Array.from({ length: pointsEach }, (_, address) => [`r${address}`, { address, scale: 0.1 }]),
  );
  const targets = ports.map((port, i) => [
    `line-${i}`,
    {
      driver: "modbus",
      limits: { samplesPerS: 5000 },
      options: { host: "127.0.0.1", port, maxInFlight: 4, units: { m: { unit: 1, registers } } },
    },
  ]);
  const child = await start(bench, program, data, Object.fromEntries(targets));
  const seconds = bench.quick ? 5 : 20;
  await wait(bench, bench.quick ? 3 : 10, "the node begins");
  const pids = { runtime: child.pid!, nats: natsServerPid(join(data, "run", "bus")) };
  const before = { runtime: cpuMsOf(pids.runtime), nats: cpuMsOf(pids.nats) };
  const [fromMs, began] = [Date.now(), performance.now()];
  await wait(bench, seconds, "10,000 points a second");
  const percent = (pid: number, cpuMs: number): number =>
    round(((cpuMsOf(pid) - cpuMs) * 100) / (performance.now() - began));
  const [runtimePercent, natsPercent] = [
    percent(pids.runtime, before.runtime),
    percent(pids.nats, before.nats),
  ];
  const untilMs = Date.now() - 1000;
  const pssMiB = round((await memoryOf(pids.runtime)).pss / 1024);
  await stop(child);
  bench.progress("looking at what was stored");
  const { samples, late } = await lateness(program, data, fromMs, untilMs);
  const expected = (plugins * pointsEach * (untilMs - fromMs)) / 1000;
  if (samples < expected * 0.98) throw new Error(`${samples} samples are stored, ${expected} were expected`);
  const lateMs = round(late.percentile(99));
  return {
    cpuPercent: runtimePercent,
    lateMs,
    row: {
      samples,
      "runtime CPU %": runtimePercent,
      "nats-server CPU %": natsPercent,
      "late p50 ms": round(late.percentile(50)),
      "late p99 ms": lateMs,
      "late most ms": round(late.percentile(100)),
      "runtime PSS MiB": pssMiB,
    } satisfies TableRow,
  };
}

/** Reads the outbox as a user would; each point's own grid begins at the sample that was earliest on it. */
async function lateness(program: string, data: string, fromMs: number, untilMs: number) {
  const args = [program, "outbox", "export", join(data, "outbox", "outbox.db"), "--format", "ndjson"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const times = new Map<string, number[]>();
  let samples = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const { name, plugin, timeMs, time } = JSON.parse(line);
    const at = timeMs ?? Date.parse(time);
    if (!(at >= fromMs && at < untilMs)) continue;
    const series = `${plugin}/${name}`;
    const list = times.get(series);
    if (list) list.push(at);
    else times.set(series, [at]);
    samples++;
  }
  const late = new Latency();
  for (const list of times.values()) {
    const offsets = list.toSorted((a, b) => a - b).map((at, i) => at - i * 1000);
    const earliest = Math.min(...offsets);
    for (const offset of offsets) late.record(offset - earliest);
  }
  return { samples, late };
}

async function measureMemory(bench: Bench, program: string): Promise<TableRow[]> {
  const empty = await pssOf(bench, program, "none", {});
  const rows: TableRow[] = [{ driver: "none", "PSS MiB": round(empty), "more MiB": 0 }];
  for (const driver of drivers.names()) {
    const options = idle[driver];
    if (!options) throw new Error(`say in bench/drivers.ts how ${driver} runs with nothing attached`);
    const pss = await pssOf(bench, program, driver, { one: { driver, options } });
    rows.push({ driver, "PSS MiB": round(pss), "more MiB": round(pss - empty) });
  }
  return rows;
}

async function pssOf(bench: Bench, program: string, name: string, targets: object): Promise<number> {
  const child = await start(bench, program, join(bench.dir, `memory-${name}`), targets);
  await wait(bench, bench.quick ? 3 : 8, `memory with ${name}`);
  const readings: number[] = [];
  for (let i = 0; i < 5; i++) {
    readings.push((await memoryOf(child.pid!)).pss / 1024);
    await delay(500, undefined, { signal: bench.signal });
  }
  await stop(child);
  return median(readings);
}

async function start(bench: Bench, program: string, data: string, targets: object): Promise<ChildProcess> {
  const path = `${data}.yaml`;
  await writeFile(
    path,
    stringify({ node: "bench", data, plugins: targets }, { aliasDuplicateObjects: false }),
  );
  const child = spawn(
    process.execPath,
    [
      "--max-semi-space-size=4",
      "--disable-warning=ExperimentalWarning",
      program,
      "run",
      path,
      "--log-level",
      "error",
    ],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  bench.defer(() => stop(child));
  await once(child, "spawn");
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

async function wait(bench: Bench, seconds: number, what: string): Promise<void> {
  for (let left = seconds; left > 0; left--) {
    bench.progress(`${what}: ${left} s more`);
    await delay(1000, undefined, { signal: bench.signal });
  }
}

await runBench(
  {
    name: "drivers",
    about,
    options: { program: { type: "string", help: "what is run (default: runtime/cli/umec.ts)" } },
  },
  main,
);
