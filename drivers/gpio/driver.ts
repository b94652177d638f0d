/**
 * The GPIO driver: inputs with edges and counters, outputs with commands.
 *
 * The parts: `port` is what a kernel offers (`chardev`, `sysfs`, and `memory` for tests), `find-lines` and `claim` take
 * the lines, `inputs` makes samples of edges, which wait in `edge-queue` until `send-edges` has emitted them, `outputs`
 * obeys commands, `event-time` and `counts` are what their names say.
 */
import { type Driver, defineDriver, type Host, type UmecError } from "../../runtime/plugin/sdk.ts";
import { checkOptions } from "./check.ts";
import { type Claimed, claimLines, type LineWish } from "./claim.ts";
import { createCounts } from "./counts.ts";
import { discoverLines } from "./discover.ts";
import { createEdgeQueue } from "./edge-queue.ts";
import { createEventTime } from "./event-time.ts";
import { createInput, inputConfig } from "./inputs.ts";
import { type OpenPort, openPort } from "./open-port.ts";
import { defaults, type GpioOptions, optionsSchema } from "./options.ts";
import { outputConfig, safeValue, startOutput } from "./outputs.ts";
import { pointsOf } from "./points.ts";
import { sendEdges } from "./send-edges.ts";

/** Samples that wait for an emit, in each lane. */
const queueCapacity = 20_000;
const saveEveryMs = 60_000;

/** The driver on other lines than the kernel's: for tests. */
export function createDriver(open: OpenPort): Driver<typeof optionsSchema> {
  return defineDriver({
    manifest: {
      name: "gpio",
      version: "0.1.0",
      kind: "low",
      summary: "Edges, levels and pulses of GPIO inputs; GPIO outputs with safe values, pulses and slow PWM.",
      options: optionsSchema,
      points: pointsOf,
      check: checkOptions,
      needs: ({ inputs = {}, outputs = {} }) => {
        const lines = [...Object.values(inputs), ...Object.values(outputs)].map(({ line }) => line);
        const chips = lines.flatMap((line) => line.match(/^(?:\/dev\/)?(gpiochip\d+):\d+$/)?.[1] ?? []);
        return { devices: [...new Set(chips)].map((chip) => `/dev/${chip}`) };
      },
      deadlineMs: ({ everyMs = defaults.everyMs }) => Math.max(60_000, 2 * everyMs + 30_000),
    },
    run: (options, host, signal) => run(options, host, signal, open),
    discover: (options) => discoverLines(options, open),
  });
}

export const driver = createDriver(openPort);
export default driver;

async function run(options: GpioOptions, host: Host, signal: AbortSignal, open: OpenPort): Promise<void> {
  const port = await open(options.backend ?? defaults.backend);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const fail = (error: UmecError): void => failed.reject(error);
  const ending = new AbortController();
  const ended = AbortSignal.any([signal, ending.signal]);
  const queues = { telemetry: createEdgeQueue(queueCapacity), alarm: createEdgeQueue(queueCapacity) };
  const counts = createCounts(host);
  const eventTime = createEventTime(host.clock, port.nowMs);
  const inputs = new Map(
    Object.entries(options.inputs ?? {}).map(([name, input]) => {
      const queue = queues[input.lane ?? defaults.input.lane];
      return [name, createInput(name, input, { host, queue, counts, nowMs: port.nowMs })];
    }),
  );
  const totals = (): Map<string, number> =>
    new Map([...inputs].flatMap(([name, { counter }]) => (counter ? [[name, counter.total]] : [])));

  const claimed = await claimLines(wishesOf(options), port, {
    onEdges(edges) {
      const unixMs = eventTime.read();
      for (const { name, edge } of edges) inputs.get(name)?.edge(edge, unixMs(edge.atMs));
    },
    onGone: fail,
  });
  const toSafe = (): void => setSafe(options, claimed, host);
  const tasks: (() => void)[] = [];
  process.once("exit", toSafe);
  try {
    const outputs = Object.entries(options.outputs ?? {}).map(([name, output]) =>
      startOutput(name, output, {
        line: claimed.line(name),
        host,
        publish: (sample) => queues.telemetry.push(sample),
        nowMs: port.nowMs,
        signal: ended,
        fail,
      }),
    );
    const report = (): void => {
      const timeMs = eventTime.read()(port.nowMs());
      for (const [name, input] of inputs) input.report(claimed.line(name), timeMs);
      for (const output of outputs) output.report();
    };
    tasks.push(host.scheduler.every(options.everyMs ?? defaults.everyMs, report));
    if (totals().size > 0) {
      const save = (): Promise<void> => counts.save(totals());
      tasks.push(host.scheduler.every(saveEveryMs, save, { phaseMs: saveEveryMs }));
    }
    const sending = (["telemetry", "alarm"] as const).map((lane) =>
      sendEdges(queues[lane], lane, host, ended),
    );
    await Promise.race([failed.promise, ...sending]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    process.off("exit", toSafe);
    // No timer may switch an output after it was made safe.
    ending.abort();
    for (const end of tasks) end();
    toSafe();
    claimed.close();
    await counts.save(totals());
  }
}

function wishesOf({ inputs = {}, outputs = {} }: GpioOptions): LineWish[] {
  return [
    ...Object.entries(outputs).map(([name, output]) => ({
      name,
      line: output.line,
      config: outputConfig(output),
      value: safeValue(output),
    })),
    ...Object.entries(inputs).map(([name, input]) => ({
      name,
      line: input.line,
      config: inputConfig(input),
    })),
  ];
}

function setSafe({ outputs = {} }: GpioOptions, claimed: Claimed, { log }: Host): void {
  for (const [name, output] of Object.entries(outputs)) {
    try {
      claimed.line(name).write(safeValue(output));
    } catch (error) {
      log.error(`${name} could not be set to its safe value`, { error });
    }
  }
}
