/**
 * A node with the GPIO driver, in a process of its own, whose lines are a pipe (drivers/gpio/pipe-lines.ts):
 *
 *     node bench/gpio-node.ts TARGET PIPE EPOLL_ADDON
 *
 * Bus, outbox and driver are those of `umec run`. Beside them it looks at the clock when an edge is read and when its
 * emit is answered, and notes when outputs are switched; it tells these over IPC, and sets a PWM as a command would.
 */
import { registerHooks } from "node:module";
import { createChardev } from "../drivers/gpio/chardev.ts";
import { createDriver } from "../drivers/gpio/driver.ts";
import { createPipeLines } from "../drivers/gpio/pipe-lines.ts";
import type { GpioPort } from "../drivers/gpio/port.ts";
import { createLog } from "../runtime/cli/log.ts";
import { findNatsServer } from "../runtime/nats/find-server.ts";
import { startNode } from "../runtime/node.ts";
import type { CommandHandler, Driver, Host, Sample } from "../runtime/plugin/contract.ts";
import { Latency } from "./kit/figures.ts";

/** Since the start. */
export interface Totals {
  /** Edges that the driver has read. */
  read: number;
  /** Samples of the input `wheel` whose emit was answered: they are on disk. */
  stored: number;
  /** Edges that went missing, as the driver says. */
  lost: number;
}

/** Since the last one, but for the totals. */
export interface Observed extends Totals {
  /** From the edge's stamp until it was read, and until it was on disk. */
  readMs: Percentiles;
  storedMs: Percentiles;
  /** Each switch of an output. */
  switches: readonly { offset: number; value: boolean; atMs: number }[];
}

export interface Percentiles {
  p50: number;
  p99: number;
  most: number;
}

export type Question = { totals: true } | { observe: true } | { point: string; value: unknown };

const [path = "", pipe = "", epoll = ""] = process.argv.slice(2);

// The package looks for its machine code around itself, where a clone has none.
registerHooks({
  load(url, context, next) {
    if (!url.endsWith("/node_modules/bindings/bindings.js")) return next(url, context);
    const source = `module.exports = () => require(${JSON.stringify(epoll)});`;
    return { format: "commonjs", source, shortCircuit: true };
  },
});

const totals = { read: 0, stored: 0, lost: 0 };
const handlers = new Map<string, CommandHandler>();
let readMs = new Latency();
let storedMs = new Latency();
let switches: Observed["switches"][number][] = [];

function observe(): Observed {
  const figures = (of: Latency): Percentiles => ({
    p50: of.percentile(50),
    p99: of.percentile(99),
    most: of.percentile(100),
  });
  const observed = { ...totals, readMs: figures(readMs), storedMs: figures(storedMs), switches };
  [readMs, storedMs, switches] = [new Latency(), new Latency(), []];
  return observed;
}

function watchedPort(port: GpioPort): GpioPort {
  return {
    ...port,
    request: ({ onEdges, ...request }) =>
      port.request({
        ...request,
        onEdges(edges) {
          const nowMs = port.nowMs();
          for (const { atMs } of edges) readMs.record(nowMs - atMs);
          totals.read += edges.length;
          onEdges?.(edges);
        },
      }),
  };
}

function watchedHost(host: Host): Host {
  const stored = (samples: readonly Sample[]): void => {
    const nowMs = Date.now();
    for (const { name, value, timeMs } of samples) {
      if (name.endsWith("/lost")) totals.lost = Number(value);
      if (name !== "wheel" || timeMs === undefined) continue;
      totals.stored++;
      storedMs.record(nowMs - timeMs);
    }
  };
  return {
    ...host,
    async emit(samples, options) {
      await host.emit(samples, options);
      stored(samples);
    },
    onCommand(point, handler) {
      handlers.set(point, handler);
      host.onCommand(point, handler);
    },
  };
}

const lines = await createPipeLines({
  pipe,
  onSwitch: (offset, value, atMs) => void switches.push({ offset, value, atMs }),
});
const gpio = createDriver(async () => watchedPort(createChardev(lines.system)));
const driver = {
  ...gpio,
  run: (options: never, host: Host, signal: AbortSignal) => gpio.run(options, watchedHost(host), signal),
} as Driver;
const { path: natsServerPath } = await findNatsServer();
const ended = new AbortController();
const node = await startNode({
  path,
  natsServerPath,
  log: createLog({ level: "warn", format: "text", destination: process.stderr }),
  signal: ended.signal,
  drivers: { names: () => ["gpio"], load: async () => driver },
});
process.on("message", async (question: Question) => {
  if ("totals" in question) process.send?.(totals);
  else if ("observe" in question) process.send?.(observe());
  else
    process.send?.(
      (await handlers.get(question.point)?.(question as never, ended.signal)) ?? "no such point",
    );
});
process.once("disconnect", async () => {
  await node.stop();
  await lines[Symbol.asyncDispose]();
  process.exit();
});
