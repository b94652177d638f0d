import { describe, kindOf } from "./describe.ts";
import type { PointOptions } from "./options.ts";

type Rule = Pick<PointOptions, "type" | "coerce" | "scale" | "offset">;
export type Converted =
  | { value: number | string | boolean }
  /** `kind` stays the same as long as nothing new is wrong; `reason` says what was found. */
  | { kind: string; reason: string };

const truths = new Map<unknown, boolean>(
  Object.entries({ true: true, on: true, yes: true, 1: true, false: false, off: false, no: false, 0: false }),
);

/**
 * Turns a JSON value into a sample's.
 *
 * | `type` | taken | with `coerce` also |
 * |---|---|---|
 * | `number` | numbers, then × `scale` + `offset` | strings that are a JSON number, blanks around allowed |
 * | `string` | strings | numbers and booleans, as JSON writes them |
 * | `boolean` | `true`, `false` | 1 and 0; the strings true, on, yes, 1, false, off, no, 0 in any case |
 *
 * A number that overflows (`1e999`) is not taken: no sample is infinite.
 */
export function convert(found: unknown, { type, coerce, scale, offset }: Rule): Converted {
  const value = coerce ? coerced(found, type) : found;
  const wrong: Converted = { kind: `not-${type}-${kindOf(found)}`, reason: `${describe(found)}, no ${type}` };
  // The type's name is also the answer of typeof.
  if (typeof value !== type) return wrong;
  if (typeof value !== "number") return { value: value as string | boolean };
  const scaled = value * scale + offset;
  return Number.isFinite(scaled) ? { value: scaled } : { kind: "overflow", reason: "a number too large" };
}

function coerced(found: unknown, type: PointOptions["type"]): unknown {
  const isScalar = typeof found === "number" || typeof found === "boolean";
  if (type === "string") return isScalar ? String(found) : found;
  if (type === "boolean") {
    const text = typeof found === "string" ? found.trim().toLowerCase() : String(found);
    return isScalar || typeof found === "string" ? (truths.get(text) ?? found) : found;
  }
  if (typeof found !== "string") return found;
  return /^\s*-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?\s*$/.test(found) ? Number(found) : found;
}
