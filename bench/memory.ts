/**
 * What an idle node takes: memory and processor time of the runtime and of its nats-server.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { createMemory, type Simulator, startSimulator } from "../drivers/modbus/simulator.ts";
import { ask, tokenOf } from "./api-ask.ts";
import type { Target } from "./api-load.ts";
import { benchApp } from "./api-words.ts";
import { type Bench, runBench } from "./kit/bench.ts";
import { figures, median, round } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import { cpuMsOf, type MemoryKiB, memoryOf, natsServerPid } from "./kit/process.ts";
import type { Report, TableRow } from "./kit/report.ts";
import { node, type RemoteHub, startRemoteHub } from "./link-hub.ts";

const about = `
Starts \`umec run\` as a process of its own with 5 Modbus plugins that poll 10 registers each once a second, from a
simulator in this process, and linked to a hub in another. After 60 s (--quick: 15 s) it reads what the kernel says
of the runtime and of the node's nats-server: PSS (each shared page divided by the number of its users), the
anonymous part (heaps, stacks: what the kernel can't drop) and the part that is mapped files (the program itself).
Medians of 10 readings, one a second, and the processor time meanwhile.

--api gives the node an API for applications, and has each of them asked for something once: what it adds is the
difference to a run without.

--flags replaces the flags of node that the launcher sets; --program names another program than the one in the source
tree, whose types Node strips as it loads it: a bundle has none. Variables such as MALLOC_ARENA_MAX are passed on.
`;

const plugins = 5;
const readings = 10;
const launcherFlags = "--max-semi-space-size=4";
const goals = { runtimePssMiB: 70, runtimeAnonMiB: 30, natsMiB: 22 };
const source = join(import.meta.dirname, "..", "runtime", "cli", "umec.ts");

async function main(bench: Bench): Promise<Report> {
  const flags = String(bench.values.flags ?? launcherFlags)
    .split(" ")
    .filter((flag) => flag !== "");
  const simulator = await startSimulator({ units: { 1: createMemory({ holding: registers() }) } });
  bench.defer(() => simulator.close());
  const hub = await startRemoteHub(bench);
  const data = join(bench.dir, "data");
  const apiPort = bench.values.api ? await freePort() : undefined;
  const program = String(bench.values.program ?? source);
  const runtime = await startNode(
    bench,
    [...flags, program, "run"],
    await writeTarget(bench, hub, simulator, data, apiPort),
  );
  if (apiPort !== undefined) await useApi(bench, apiPort);
  for (let i = bench.quick ? 15 : 60; i > 0; i--) {
    bench.progress(`the node runs: ${i} s more`);
    await delay(1000, undefined, { signal: bench.signal });
  }
  const pids = { runtime: runtime.pid!, "nats-server": natsServerPid(join(data, "run", "bus")) };
  const { requestsPerS, bytesPerS, memory, cpu } = await watch(bench, pids, simulator, hub);
  if (requestsPerS < plugins * 0.8)
    throw new Error(`only ${round(requestsPerS)} polls a second: ${runtime.output()}`);
  if (bytesPerS < plugins * 100) throw new Error(`nothing goes to the hub: ${runtime.output()}`);

  const mib = (who: keyof typeof pids, what: keyof MemoryKiB): number =>
    round(median(memory[who].map((reading) => reading[what])) / 1024);
  const rows = (Object.keys(pids) as (keyof typeof pids)[]).map((who): TableRow => {
    const { min, max } = figures(memory[who].map(({ pss }) => pss / 1024));
    return {
      process: who,
      "PSS MiB": mib(who, "pss"),
      "least–most": `${round(min)}–${round(max)}`,
      "anonymous MiB": mib(who, "anon"),
      "of files MiB": mib(who, "file"),
      "RSS MiB": mib(who, "rss"),
      "CPU %": round(cpu[who], 2),
    };
  });
  const goal = (goal: string, measured: number, most: number) => ({
    goal: `${goal} ≤ ${most} MiB`,
    measured: `${measured} MiB`,
    met: measured <= most,
  });
  return {
    tables: [
      {
        title: `Idle node, ${plugins} plugins at 1 Hz, node ${flags.join(" ")}: ${await describeMachine()}`,
        rows,
      },
    ],
    goals: [
      goal("runtime, PSS", mib("runtime", "pss"), goals.runtimePssMiB),
      goal("runtime, anonymous", mib("runtime", "anon"), goals.runtimeAnonMiB),
      goal("nats-server, PSS", mib("nats-server", "pss"), goals.natsMiB),
    ],
    notes: [
      program === source ? "From source: Node strips the types." : `Of ${program}.`,
      `${round(requestsPerS)} polls a second, ${Math.round(bytesPerS)} bytes a second to the hub.`,
      "PSS counts a share only of program pages that other processes map too, here those of the bench's own Node:",
      "alone on a board the runtime's PSS comes close to its RSS.",
    ],
  };
}

/** What the quantities are does not matter here; that they change does, a little. */
function registers(): Record<number, number> {
  return Object.fromEntries(Array.from({ length: 10 }, (_, i) => [i, 2300 + i]));
}

async function writeTarget(
  bench: Bench,
  hub: RemoteHub,
  simulator: Simulator,
  data: string,
  apiPort: number | undefined,
): Promise<string> {
  const units = {
    meter: {
      unit: 1,
      registers: Object.fromEntries(
        Array.from({ length: 10 }, (_, i) => [`value-${i}`, { address: i, scale: 0.1, unit: "V" }]),
      ),
    },
  };
  const plugin = { driver: "modbus", options: { host: "127.0.0.1", port: simulator.port, units } };
  const target = {
    node,
    data,
    link: { hub: hub.leafUrl, credentials: hub.credentialsFile },
    plugins: Object.fromEntries(Array.from({ length: plugins }, (_, i) => [`meter-${i}`, plugin])),
    ...(apiPort !== undefined && {
      api: { port: apiPort },
      apps: { [benchApp.name]: { secretSha256: benchApp.secretSha256, read: ["**"] } },
    }),
  };
  const path = join(bench.dir, "node.yaml");
  await writeFile(path, stringify(target, { aliasDuplicateObjects: false }));
  return path;
}

/** Each API once, so that what is loaded lazily is there. */
async function useApi(bench: Bench, port: number): Promise<void> {
  const target: Target = { name: "api", pid: 0, port, cert: "", headers: {} };
  let token: string | undefined;
  while (token === undefined) {
    bench.progress("the API starts");
    await delay(200, undefined, { signal: bench.signal });
    token = await tokenOf(target).catch(() => undefined);
  }
  const headers = { authorization: `Bearer ${token}` };
  for (const path of [
    "/mec_service_mgmt/v1/services",
    "/mec_service_mgmt/v1/transports",
    "/mec_app_support/v1/timing/current_time",
    "/iots/v1/registered_devices",
    "/things",
    "/things/meter-0/properties",
  ])
    await ask({ ...target, headers }, path);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function startNode(
  bench: Bench,
  args: readonly string[],
  target: string,
): Promise<ChildProcess & { output(): string }> {
  const child = spawn(process.execPath, [...args, target], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => {
    output = `${output}${chunk}`.slice(-2000);
  });
  const exited = once(child, "exit");
  bench.defer(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  await once(child, "spawn");
  return Object.assign(child, { output: () => output });
}

async function watch<Who extends string>(
  bench: Bench,
  pids: Record<Who, number>,
  simulator: Simulator,
  hub: RemoteHub,
) {
  const names = Object.keys(pids) as Who[];
  const each = <T>(of: (who: Who) => T): Record<Who, T> =>
    Object.fromEntries(names.map((who) => [who, of(who)])) as Record<Who, T>;
  const memory = each((): MemoryKiB[] => []);
  const before = each((who) => cpuMsOf(pids[who]));
  const requests = simulator.requests.length;
  const sent = await hub.sentBytes();
  const began = performance.now();
  for (let i = 0; i < readings; i++) {
    bench.progress(`reading ${i + 1}`);
    await delay(1000, undefined, { signal: bench.signal });
    for (const who of names) memory[who].push(await memoryOf(pids[who]));
  }
  const ms = performance.now() - began;
  return {
    memory,
    cpu: each((who) => ((cpuMsOf(pids[who]) - before[who]) * 100) / ms),
    requestsPerS: ((simulator.requests.length - requests) * 1000) / ms,
    bytesPerS: (((await hub.sentBytes()) - sent) * 1000) / ms,
  };
}

await runBench(
  {
    name: "memory",
    about,
    options: {
      flags: { type: "string", help: `as --flags="--a --b": flags of node (default: "${launcherFlags}")` },
      api: { type: "boolean", help: "with the API for applications" },
      program: { type: "string", help: "what is run (default: runtime/cli/umec.ts)" },
    },
  },
  main,
);
