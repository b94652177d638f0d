/** A node with GPIO lines of a pipe, and the process that stands for their interrupts; each as a process. */
import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { addons } from "../bundle/addons.ts";
import { addonCode } from "../bundle/build-addons.ts";
import type { EdgesSent, EdgesToSend } from "../drivers/gpio/pipe-edges.ts";
import type { Observed, Question, Totals } from "./gpio-node.ts";
import type { Bench } from "./kit/bench.ts";
import { cpuMsOf, natsServerPid } from "./kit/process.ts";

export interface GpioNode {
  /** Of its outbox. */
  readonly outbox: string;
  observe(): Promise<Observed>;
  command(point: string, value: unknown): Promise<unknown>;
  /** Sends edges and waits until no more of them arrive. */
  send(edges: EdgesOfBench): Promise<Sending>;
  stop(): Promise<void>;
}

export interface EdgesOfBench extends Pick<EdgesToSend, "perS" | "count"> {
  /** Whether each one is a sample; else it is enough that it was read. @default true */
  told?: boolean;
}

export interface Sending extends EdgesSent {
  /** From the first edge until the last one was sent. */
  runtimePercent: number;
  natsPercent: number;
  /** Edges since the first one; those of the last look, that is all of them. */
  observed: Observed;
}

/** Longest wait for what was sent to arrive. */
const settleMs = 5000;

const flags = ["--max-semi-space-size=4", "--disable-warning=ExperimentalWarning"];

export async function startGpioNode(bench: Bench, name: string, options: object): Promise<GpioNode> {
  const dir = join(bench.dir, name);
  await mkdir(dir);
  const [target, pipe, data] = [join(dir, "node.yaml"), join(dir, "edges"), join(dir, "data")];
  execFileSync("mkfifo", [pipe]);
  const limits = { samplesPerS: 1_000_000, bytesPerS: 2 ** 30 };
  const plugins = { io: { driver: "gpio", limits, options: { everyMs: 3_600_000, ...options } } };
  await writeFile(target, stringify({ node: "bench", data, plugins }));
  const epoll = addons.find(({ package: named }) => named === "epoll")!;
  const addon = await addonCode(epoll, { architecture: process.arch === "arm64" ? "arm64" : "x64" });
  const child = fork(join(import.meta.dirname, "gpio-node.ts"), [target, pipe, addon], { execArgv: flags });
  bench.defer(() => stop(child));
  let nextNumber = 1;

  async function ask<T>(question: Question): Promise<T> {
    const answer = once(child, "message", { signal: bench.signal });
    child.send(question);
    return (await answer)[0] as T;
  }
  const observe = (): Promise<Observed> => ask({ observe: true });

  async function settled(fits: (totals: Totals) => boolean): Promise<void> {
    const untilMs = performance.now() + settleMs;
    while (!fits(await ask<Totals>({ totals: true })) && performance.now() < untilMs) {
      await delay(50, undefined, { signal: bench.signal });
    }
  }

  const node: GpioNode = {
    outbox: join(data, "outbox", "outbox.db"),
    observe,
    command: (point, value) => ask({ point, value }),
    async send({ perS, count, told = true }) {
      const source = await startSource(bench, { perS, count, pipe, firstNumber: nextNumber });
      nextNumber += count;
      const pids = [child.pid!, natsServerPid(join(data, "run", "bus"))];
      const before = await observe();
      const cpuMs = pids.map(cpuMsOf);
      source.go();
      const sent = await source.done;
      const [runtimePercent = 0, natsPercent = 0] = pids.map(
        (pid, i) => ((cpuMsOf(pid) - cpuMs[i]!) * 100) / sent.tookMs,
      );
      await settled(
        ({ read, stored, lost }) =>
          (told ? stored : read) + lost >= before.lost + count + (told ? before.stored : before.read),
      );
      const after = await observe();
      const [read, stored, lost] = [
        after.read - before.read,
        after.stored - before.stored,
        after.lost - before.lost,
      ];
      return { ...sent, runtimePercent, natsPercent, observed: { ...after, read, stored, lost } };
    },
    stop: () => stop(child),
  };
  // The level at the start is stored when all is there.
  while ((await observe()).stored === 0) await delay(50, undefined, { signal: bench.signal });
  return node;
}

async function startSource(bench: Bench, edges: EdgesToSend) {
  const path = join(import.meta.dirname, "..", "drivers", "gpio", "pipe-edges.ts");
  const child = spawn(process.execPath, [...flags, path, JSON.stringify(edges)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  bench.defer(() => child.kill());
  const lines: AsyncIterator<string> = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const done = lines.next().then(({ value }) => JSON.parse(value) as EdgesSent);
  done.catch(() => {});
  return { go: () => void child.stdin.end("\n"), done };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  if (child.connected) child.disconnect();
  await exited;
}
