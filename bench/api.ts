/**
 * What the API for applications takes: requests a second beside a bare handler, and many observers of one point.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { ask, tokenOf } from "./api-ask.ts";
import { dial, load, type Measured, requestBytes, type Target } from "./api-load.ts";
import { type Asked, benchApp, paths, serviceNumber, services } from "./api-words.ts";
import { type Bench, runBench } from "./kit/bench.ts";
import { Latency, median, round, spread } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import { cpuMsOf, memoryOf } from "./kit/process.ts";
import type { Report, TableRow } from "./kit/report.ts";

const about = `
GET of ${services} services (MEC 011) and a read of a property (Web of Things), over TLS with 16 kept connections, one
request under way on each: a node's API with all its parts, a token checked for each request, beside a bare handler of
Hono that checks the same query and answers the same bytes but asks nobody who they are. Each server is a process of its
own; the clients in this one cost about as much, so processor time tells more than the rate. In turn (A B A B).

Observers: as many as --observers says (1,000), each with a TLS connection, get each reading of one point as a Server-Sent
Event; how old a reading is when it arrives, for the middle one, one in a hundred, and the last of each reading.
The server may take more connections than a node does.

Memory that the API adds to a node is measured by bench/memory.ts --api.
`;

const connections = 16;

interface Server extends Target {
  child: ChildProcess;
}

async function main(bench: Bench): Promise<Report> {
  const rounds = bench.quick ? 1 : 5;
  const ms = bench.quick ? 500 : 2000;
  const umec = await start(bench, "umec");
  const headers = { authorization: `Bearer ${await tokenOf(umec)}` };
  const ours = { ...umec, headers };
  for (let i = 0; i < services; i++)
    await ask(ours, `/mec_service_mgmt/v1/applications/${benchApp.appInstanceId}/services`, serviceNumber(i));
  const bare = await start(bench, "bare");
  const answers = { services: await ask(ours, paths.services), property: await ask(ours, paths.property) };
  if ((answers.services as unknown[]).length !== services) throw new Error("there are other services");
  bare.child.send({ answers });

  const rows: TableRow[] = [];
  for (const asked of Object.keys(paths) as Asked[])
    rows.push(...(await compare(bench, asked, [ours, bare], rounds, ms)));
  const observed = await observe(bench, Number(bench.values.observers ?? 1000), bench.quick ? 3 : 20);
  return {
    tables: [
      { title: `Requests over TLS, ${rounds} rounds of ${ms / 1000} s: ${await describeMachine()}`, rows },
      { title: "Observers of one point", rows: [observed] },
    ],
    goals: [],
    notes: ["Ratios are of processor time, a bare handler's to ours."],
  };
}

async function start(bench: Bench, kind: string): Promise<Server> {
  bench.progress(`starting ${kind}`);
  const args = [kind, join(bench.dir, kind)];
  const child = fork(join(import.meta.dirname, "api-server.ts"), args, {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  bench.defer(() => child.kill());
  const died = once(child, "exit").then(() => Promise.reject(new Error(`the server ${kind} ended`)));
  died.catch(() => {});
  const [{ port, cert }] = (await Promise.race([once(child, "message"), died])) as [
    { port: number; cert: string },
  ];
  return { name: kind, child, pid: child.pid!, port, cert, headers: {} };
}

async function compare(
  bench: Bench,
  asked: Asked,
  targets: readonly Target[],
  rounds: number,
  ms: number,
): Promise<TableRow[]> {
  const measured = targets.map((): Measured[] => []);
  for (const target of targets) await load(target, paths[asked], connections, ms / 2);
  for (let round = 0; round < rounds; round++) {
    for (const [i, target] of targets.entries()) {
      bench.progress(`${asked}, ${target.name}, round ${round + 1}`);
      measured[i]!.push(await load(target, paths[asked], connections, ms));
    }
  }
  const cpuUs = measured.map((each) => median(each.map((one) => one.cpuUs)));
  return targets.map(({ name }, i) => ({
    request: asked,
    server: name,
    "requests/s": spread(measured[i]!.map((one) => one.requestsPerS)),
    "p99 ms": spread(
      measured[i]!.map((one) => one.p99Ms),
      1,
    ),
    "server µs/request": round(cpuUs[i]!),
    ratio: round(cpuUs.at(-1)! / cpuUs[i]!, 2),
  }));
}

async function observe(bench: Bench, count: number, readings: number): Promise<TableRow> {
  const server = await start(bench, "observers");
  const before = (await memoryOf(server.pid)).anon;
  const all = new Latency();
  const last = new Latency();
  let got = 0;
  let wake: () => void = () => {};
  const bytes = requestBytes(paths.property, { accept: "text/event-stream", authorization: "Bearer bench" });
  const sockets: TLSSocket[] = [];
  bench.defer(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) bench.progress(`observer ${i}`);
    const socket = await dial(server);
    sockets.push(socket);
    socket.setEncoding("latin1");
    const { promise: open, resolve } = Promise.withResolvers<void>();
    let text = "";
    socket.on("data", (chunk: string) => {
      text += chunk;
      resolve();
      for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
        const emittedAt = Number(/"v(?:alue)?":\s*(\d+\.\d+)/.exec(text.slice(0, end))?.[1] ?? Number.NaN);
        text = text.slice(end + 2);
        if (Number.isNaN(emittedAt)) continue;
        const age = performance.timeOrigin + performance.now() - emittedAt;
        all.record(age);
        if (++got % count === 0) {
          last.record(age);
          wake();
        }
      }
    });
    socket.write(bytes);
    await open;
  }
  const after = (await memoryOf(server.pid)).anon;
  const cpu = cpuMsOf(server.pid);
  for (let i = 0; i < readings; i++) {
    bench.progress(`reading ${i + 1}`);
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    server.child.send({ emit: true });
    await arrived;
  }
  return {
    observers: count,
    readings,
    "p50 ms": round(all.percentile(50)),
    "p99 ms": round(all.percentile(99)),
    "last, p50 ms": round(last.percentile(50)),
    "server ms/reading": round((cpuMsOf(server.pid) - cpu) / readings),
    "KiB/observer": round((after - before) / count),
  };
}

await runBench(
  {
    name: "api",
    about,
    options: { observers: { type: "string", help: "how many observe one point (default: 1000)" } },
  },
  main,
);
