/** The steps from a number to a value, or the way to what is sent: in the order in which they stand. */
import { scaled } from "../common/numbers.ts";
import type { Step } from "./options.ts";

/** A step has no result for this value; `message` says why. */
export class NoResult extends Error {}

/** The result of all steps. Throws {@link NoResult}. */
export function convert(value: number, steps: readonly Step[] = []): number | string {
  let result: number | string = value;
  for (const step of steps) {
    // A text has no further steps: the check of the options sees to that.
    if (typeof result === "string") return result;
    result = apply(result, step);
  }
  if (typeof result === "number" && !Number.isFinite(result)) throw new NoResult(`${value} gives no number`);
  return result;
}

function apply(value: number, step: Step): number | string {
  if (step.multiply !== undefined) return scaled(value, step.multiply);
  if (step.divide !== undefined) return value / step.divide;
  if (step.add !== undefined) return value + step.add;
  if (step.round !== undefined) return Number(value.toFixed(step.round));
  if (step.polynomial) return step.polynomial.reduceRight((sum, factor) => sum * value + factor, 0);
  if (step.table) return interpolate(value, step.table);
  return lookUp(value, step.lookup ?? {});
}

function interpolate(value: number, table: readonly (readonly number[])[]): number {
  for (let i = 1; i < table.length; i += 1) {
    const [x0, y0] = table[i - 1] as [number, number];
    const [x1, y1] = table[i] as [number, number];
    if (value >= x0 && value <= x1) return y0 + ((value - x0) / (x1 - x0)) * (y1 - y0);
  }
  const [first, last] = [table[0]![0], table.at(-1)![0]];
  throw new NoResult(`${value} is beyond the table, ${first} to ${last}`);
}

function lookUp(value: number, meanings: Readonly<Record<string, number | string>>): number | string {
  for (const [key, meaning] of Object.entries(meanings)) if (Number(key) === value) return meaning;
  throw new NoResult(`${value} (0x${value.toString(16)}) has no meaning`);
}
