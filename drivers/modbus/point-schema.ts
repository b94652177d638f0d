import { type TSchema, Type } from "typebox";
import { numberFormats } from "./numbers.ts";
import { isBitTable } from "./pdu.ts";
import { type ValueSpec, widthOf } from "./values.ts";

/** JSON Schema of the values that a command may have: what the register's form can hold, within `min` and `max`. */
export function valueSchema(spec: ValueSpec, min: number, max: number): TSchema {
  if (isBitTable(spec.table) || spec.type === "bool") return Type.Boolean();
  if (spec.type === "string") return Type.String({ maxLength: 2 * widthOf(spec) });
  const [least, greatest] = rangeOf(spec);
  const minimum = Math.max(least, min);
  const maximum = Math.min(greatest, max);
  return Type.Number({
    ...(Number.isFinite(minimum) ? { minimum } : {}),
    ...(Number.isFinite(maximum) ? { maximum } : {}),
  });
}

/** The values that the registers can hold; without end for floats and 64 bits, whose bounds say nothing to people. */
function rangeOf(spec: ValueSpec): [least: number, greatest: number] {
  const { type, scale = 1, offset = 0 } = spec;
  const raw = rawRangeOf(type, widthOf(spec));
  if (!raw) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  // 65535 × 0.1 is 6553.500000000001.
  const ends = raw.map((end) => Number((end * scale + offset).toPrecision(12)));
  return [Math.min(...ends), Math.max(...ends)];
}

function rawRangeOf(type: ValueSpec["type"], width: number): [number, number] | undefined {
  if (type === "bcd") return [0, 10 ** (4 * width) - 1];
  if (type !== "int16" && type !== "uint16" && type !== "int32" && type !== "uint32") return undefined;
  const bits = numberFormats[type].bytes * 8;
  return type.startsWith("u") ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}
