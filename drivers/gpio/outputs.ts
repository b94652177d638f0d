/**
 * Outputs: what commands make of them, and what they are when nobody commands.
 *
 * - From its first moment an output is safe; `initial` comes when all lines of the plugin are held.
 * - A command replies with what is read back, and the same is a sample. Where that is not what was set, the sample is
 *   uncertain: something outside holds the line, or the drive is one-sided.
 * - A new command takes the place of a pulse that still runs.
 * - At the end it is safe again, before the line is given back. The end is the plugin's stop, its failure, and the
 *   program's own, as far as JavaScript still runs then.
 */
import { type Host, isUmecError, messageOf, type Sample, type UmecError } from "../../runtime/plugin/sdk.ts";
import type { Line } from "./claim.ts";
import { valueError } from "./errors.ts";
import { defaults, maxPulseMs, type OutputOptions } from "./options.ts";
import type { LineConfig } from "./port.ts";
import { startPwm } from "./pwm.ts";

export interface OutputParts {
  line: Line;
  host: Host;
  /** Keeps a sample for the next emit. */
  publish: (sample: Sample) => void;
  nowMs: () => number;
  signal: AbortSignal;
  /** Told when the line can't be switched any longer. */
  fail: (error: UmecError) => void;
}

/** One output at work. */
export interface Output {
  report(): void;
}

export function outputConfig({ activeLow, bias, drive }: OutputOptions): LineConfig {
  return {
    direction: "out",
    activeLow: activeLow ?? defaults.output.activeLow,
    bias: bias ?? defaults.output.bias,
    drive: drive ?? defaults.output.drive,
    edge: "none",
    debounceMs: 0,
  };
}

/** What the options say that it is first and last. */
export function safeValue({ safe = defaults.output.safe }: OutputOptions): boolean {
  return safe;
}

export function startOutput(name: string, options: OutputOptions, parts: OutputParts): Output {
  return options.pwmHz === undefined
    ? startSwitch(name, options, parts)
    : startModulated(name, options, options.pwmHz, parts);
}

function timeOf({ clock }: Host): { timeMs?: number } {
  return clock.known() ? { timeMs: clock.nowMs() } : {};
}

function startSwitch(name: string, options: OutputOptions, parts: OutputParts): Output {
  const { line, host, publish, nowMs, signal, fail } = parts;
  let wanted = safeValue(options);
  let pulse: AbortController | undefined;

  function report(): boolean {
    const value = line.read();
    const sample: Sample = { name, value, ...timeOf(host) };
    if (value === wanted) publish(sample);
    else
      publish({
        ...sample,
        quality: "uncertain",
        reason: `it was set to ${wanted}: something holds the line`,
      });
    return value;
  }

  function set(value: boolean): boolean {
    pulse?.abort();
    pulse = undefined;
    wanted = value;
    line.write(value);
    return report();
  }

  async function endPulse(ms: number, of: AbortSignal): Promise<void> {
    of.throwIfAborted();
    const untilMs = nowMs() + ms;
    for (let left = ms; left > 0; left = untilMs - nowMs()) {
      await host.scheduler.sleep(Math.ceil(left), of);
    }
    set(false);
  }

  function startPulse(ms: number): boolean {
    const value = set(true);
    const controller = new AbortController();
    pulse = controller;
    endPulse(ms, AbortSignal.any([controller.signal, signal])).catch((error: unknown) => {
      if (controller.signal.aborted || signal.aborted) return;
      if (isUmecError(error)) fail(error);
      else host.log.warn(`the pulse of ${name} did not end: ${messageOf(error)}`, { error });
    });
    return value;
  }

  host.onCommand(name, ({ value }) => {
    if (typeof value === "boolean") return set(value);
    const ms = pulseOf(value);
    if (ms !== undefined) return startPulse(ms);
    const shown = JSON.stringify(value);
    throw valueError(`${shown} is neither true, false nor {"pulseMs": 1 to ${maxPulseMs}}`);
  });
  if (options.initial !== undefined && options.initial !== wanted) set(options.initial);
  return { report: () => void report() };
}

function pulseOf(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || !("pulseMs" in value)) return undefined;
  const { pulseMs } = value;
  const fits = typeof pulseMs === "number" && pulseMs >= 1 && pulseMs <= maxPulseMs;
  return fits && Object.keys(value).length === 1 ? pulseMs : undefined;
}

function startModulated(name: string, options: OutputOptions, hz: number, parts: OutputParts): Output {
  const { line, host, publish, nowMs, signal, fail } = parts;
  const percent = (options.initial ?? safeValue(options)) ? 100 : 0;
  const pwm = startPwm(line.write, { hz, percent, nowMs, signal });
  pwm.ended.catch((error: unknown) => {
    if (signal.aborted) return;
    if (isUmecError(error)) fail(error);
    else host.log.warn(`the modulation of ${name} ended: ${messageOf(error)}`, { error });
  });
  const report = (): void => publish({ name, value: pwm.percent, unit: "%", ...timeOf(host) });

  host.onCommand(name, ({ value }) => {
    if (typeof value !== "number" || !(value >= 0 && value <= 100)) {
      throw valueError(`${JSON.stringify(value)} is no duty cycle from 0 to 100 percent`);
    }
    pwm.set(value);
    report();
    return pwm.percent;
  });
  return { report };
}
