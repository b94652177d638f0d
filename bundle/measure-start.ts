/**
 * How long a node takes from `exec` until its control socket answers (outbox open, bus connected), and what it
 * holds in memory then: `node bundle/measure-start.ts [--rounds N] -- COMMAND...`, where COMMAND is a shell's word
 * for a `umec`, as in `-- 'dist/umec-linux-x64/bin/umec' 'node_modules/.bin/umec'`. The commands take turns, so
 * that a busy moment of the machine meets all of them. Medians; the first round warms the page cache and
 * counts for nothing.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

interface Start {
  readyMs: number;
  /** Processor time of all its threads, without nats-server: says more than `readyMs` on a busy machine. */
  cpuMs: number;
  rssMb: number;
  anonMb: number;
}

/** Starts a node with a new data folder, and ends it when it has answered. */
export async function measureStart(command: string): Promise<Start> {
  const dir = await mkdtemp(join(tmpdir(), "umec-start-"));
  const run = join(dir, "data", "run");
  await mkdir(run, { recursive: true, mode: 0o700 });
  const target = join(dir, "node.yaml");
  await writeFile(target, "node: n1\n");
  const socket = join(run, "umec.sock");
  const ready = Promise.withResolvers<void>();
  const watcher = watch(run, (_, name) => {
    if (name === "umec.sock")
      request({ socketPath: socket, path: "/status" })
        .on("error", () => {})
        .on("response", () => ready.resolve())
        .end();
  });
  const from = performance.now();
  const child = spawn("/bin/sh", ["-c", `exec ${command} run "$0" --log-level error`, target], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  await Promise.race([
    ready.promise,
    ended.then(([code]) => Promise.reject(new Error(`${command} ended with ${code}`))),
  ]);
  const readyMs = performance.now() - from;
  const cpuMs = await processorMs(child.pid!);
  const memory = await readFile(`/proc/${child.pid}/status`, "utf8");
  watcher.close();
  child.kill("SIGTERM");
  await ended;
  await rm(dir, { recursive: true, force: true });
  return { readyMs, cpuMs, rssMb: megabytes(memory, "VmRSS"), anonMb: megabytes(memory, "RssAnon") };
}

async function processorMs(pid: number): Promise<number> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const spent = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/schedstat`, "utf8")),
  );
  return spent.reduce((sum, text) => sum + Number(text.split(" ")[0]) / 1e6, 0);
}

function megabytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, "m").exec(status)?.[1]) / 1024;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: "string", default: "9" } },
    allowPositionals: true,
  });
  const rounds = Number(values.rounds);
  const starts = new Map<string, Start[]>(positionals.map((command) => [command, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [command, list] of starts) {
      const start = await measureStart(command);
      if (round > 0) list.push(start);
    }
  }
  for (const [command, list] of starts) {
    const of = (field: keyof Start) => median(list.map((start) => start[field])).toFixed(1);
    const spread = list.map((start) => Math.round(start.readyMs)).toSorted((a, b) => a - b);
    console.log(
      `${of("readyMs")} ms (${spread[0]}-${spread.at(-1)}), processor ${of("cpuMs")} ms, RSS ${of("rssMb")} MB, private ${of("anonMb")} MB: ${command}`,
    );
  }
}
