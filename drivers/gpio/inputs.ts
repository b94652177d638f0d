import type { Host, Sample } from "../../runtime/plugin/sdk.ts";
import type { Line } from "./claim.ts";
import { type Counter, createCounter } from "./counter.ts";
import type { Counts } from "./counts.ts";
import type { EdgeQueue } from "./edge-queue.ts";
import { valueError } from "./errors.ts";
import { defaults, type InputOptions } from "./options.ts";
import type { Edge, LineConfig } from "./port.ts";

export interface InputParts {
  host: Host;
  /** Of the input's lane. */
  queue: EdgeQueue;
  counts: Counts;
  /** The clock of edges. */
  nowMs: () => number;
}

/** One input at work. */
export interface Input {
  readonly counter: Counter | undefined;
  /** `timeMs`: Unix time of the edge, where it is known. */
  edge(edge: Edge, timeMs: number | undefined): void;
  /** Tells level, count and rate as they are now. */
  report(line: Line, timeMs: number | undefined): void;
}

export function inputConfig({ activeLow, bias, edge, debounceMs }: InputOptions): LineConfig {
  return {
    direction: "in",
    activeLow: activeLow ?? defaults.input.activeLow,
    bias: bias ?? defaults.input.bias,
    drive: "push-pull",
    edge: edge ?? defaults.input.edge,
    debounceMs: debounceMs ?? defaults.input.debounceMs,
  };
}

export function createInput(
  name: string,
  options: InputOptions,
  { host, queue, counts, nowMs }: InputParts,
): Input {
  const { report = defaults.input.report, count = defaults.input.count, edge: kind } = options;
  const counter = count ? createCounter(kind ?? defaults.input.edge, counts.saved(name), nowMs()) : undefined;
  let reports = 0;
  let lostTotal = 0;

  if (counter) {
    host.onCommand(`${name}/count`, async ({ value }) => {
      if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
        throw valueError(`${JSON.stringify(value)} is no number of pulses`);
      }
      counter.set(value);
      await counts.save(new Map([[name, value]]));
      return counter.total;
    });
  }

  function countSamples(time: { timeMs?: number }): void {
    if (!counter) return;
    const { perS, lost } = counter.rate(nowMs());
    const doubt: Pick<Sample, "quality" | "reason"> =
      lost > 0
        ? { quality: "uncertain", reason: `${lost} edges went missing; they were counted by their numbers` }
        : {};
    queue.push({ name: `${name}/count`, value: counter.total, unit: "count", ...doubt, ...time });
    // Of the first report there is no time before it.
    if (reports > 0) queue.push({ name: `${name}/rate`, value: perS, unit: "1/s", ...doubt, ...time });
  }

  return {
    counter,
    edge(edge, timeMs) {
      counter?.add(edge);
      const time = timeMs === undefined ? {} : { timeMs };
      if (report) queue.push({ name, value: edge.rising, ...time }, edge.lost);
      else if (edge.lost > 0) {
        lostTotal += edge.lost;
        queue.push({ name: `${name}/lost`, value: lostTotal, unit: "count", ...time });
      }
    },
    report(line, timeMs) {
      const time = timeMs === undefined ? {} : { timeMs };
      if (report) queue.push({ name, value: line.read(), ...time });
      countSamples(time);
      reports++;
    },
  };
}
