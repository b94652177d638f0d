import { firstAbsoluteS, lastAbsoluteS, maxSamples, maxValueBytes, nameProblem } from "../emit-wire.ts";
import { UmecError } from "../errors.ts";
import { reasonProblem } from "../senml/quality.ts";
import type { Sample } from "./contract.ts";

/** Most that names, units and values of one emit may take together, unless it is said otherwise. */
export const maxEmitBytes = 1024 * 1024;
const longestUnit = 64;
const inParts = "emit them in parts";

/**
 * Throws `EMIT_INVALID` with the sample, the value and the reason when `samples` can't be stored.
 *
 * @param maxBytes that names, units and values may take together
 */
export function checkSamples(samples: readonly Sample[], maxBytes: number): void {
  if (!Array.isArray(samples)) throw invalid(`samples are ${show(samples)}, an array is needed`);
  if (samples.length > maxSamples) {
    throw invalid(`${samples.length} samples at once, ${maxSamples} are allowed`, inParts);
  }
  let bytes = 0;
  for (let index = 0; index < samples.length; index++) {
    bytes += checkSample(samples[index], index);
    if (bytes > maxBytes) throw invalid(`more than ${maxBytes} bytes at once`, inParts);
  }
}

/** Returns about how many bytes it takes. */
function checkSample(sample: Sample | undefined, index: number): number {
  if (typeof sample !== "object" || sample === null) throw invalid(`sample ${index} is ${show(sample)}`);
  const { name, value, unit, timeMs, quality, reason } = sample;
  const problem = nameProblem(name);
  if (problem) throw invalid(`sample ${index}: ${show(name)} is no name: ${problem}`);
  if (quality !== undefined && quality !== "good" && quality !== "uncertain" && quality !== "bad") {
    throw invalid(`${name}: ${show(quality)} is no quality: good, uncertain or bad is needed`);
  }
  if (reason !== undefined) {
    const unfit = typeof reason === "string" ? reasonProblem(quality, reason) : "a reason is a text";
    if (unfit) throw invalid(`${name}: ${show(reason)}: ${unfit}`);
  }
  const bytes = value === null && quality === "bad" ? 0 : bytesOf(value);
  if (typeof bytes === "string") throw invalid(`${name}: ${show(value)} can't be stored: ${bytes}`);
  if (unit !== undefined && (typeof unit !== "string" || unit === "" || unit.length > longestUnit)) {
    throw invalid(`${name}: ${show(unit)} is no unit: 1 to ${longestUnit} characters are`);
  }
  if (timeMs !== undefined && !(timeMs >= firstAbsoluteS * 1000 && timeMs <= lastAbsoluteS * 1000)) {
    const hint = "leave timeMs out if the device has no clock: then the moment of the emit counts";
    throw invalid(`${name}: ${show(timeMs)} is no Unix time in milliseconds after mid 1978`, hint);
  }
  return name.length + (unit?.length ?? 0) + (reason?.length ?? 0) + bytes;
}

/** The value's size, or what is wrong with it. */
function bytesOf(value: unknown): number | string {
  if (typeof value === "number") return Number.isFinite(value) ? 8 : "it is not finite";
  if (typeof value === "boolean") return 1;
  const bytes =
    typeof value === "string"
      ? Buffer.byteLength(value)
      : value instanceof Uint8Array
        ? value.length
        : undefined;
  if (value === null) return "only a sample of the quality bad may be without a value";
  if (bytes === undefined) return "a number, text, boolean or Uint8Array is needed";
  return bytes > maxValueBytes ? `it has ${bytes} bytes, ${maxValueBytes} are allowed` : bytes;
}

function invalid(message: string, hint?: string): UmecError {
  return new UmecError("EMIT_INVALID", message, hint === undefined ? {} : { hint });
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return "an array";
  if (value instanceof Uint8Array) return "data";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
