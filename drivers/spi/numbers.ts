/** Between the bytes of a transfer and numbers. */
import { signed } from "../common/numbers.ts";
import { dataError, valueError } from "./errors.ts";
import type { ByteTest } from "./options.ts";

/** What bytes can be. `hex` and `text` have a length of their own. */
export const byteTypes = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint24",
  "int24",
  "uint32",
  "int32",
  "float32",
  "float64",
  "hex",
  "text",
] as const;
export type ByteType = (typeof byteTypes)[number];

export interface Slice {
  at: number;
  type?: ByteType;
  length?: number;
  endian?: "big" | "little";
  lowestBit?: number;
  bitCount?: number;
  boolean?: boolean;
  faults?: readonly ByteTest[];
}

/** Bytes that a type takes. */
export function widthOf(type: ByteType = "uint8", length = 1): number {
  return type === "hex" || type === "text" ? length : Number(/\d+/.exec(type)![0]) / 8;
}

export const isInteger = (type: ByteType = "uint8"): boolean => type.includes("int");

/** The bits of a field of an integer. */
export function fieldOf({ type = "uint8", lowestBit = 0, bitCount }: Omit<Slice, "at">): {
  lowest: number;
  count: number;
} {
  return { lowest: lowestBit, count: bitCount ?? 8 * widthOf(type) - lowestBit };
}

/** What stands in `bytes`. Throws `SPI_DATA` for a float that is no number. */
export function read(bytes: Buffer, slice: Slice): number | boolean | string {
  const { at, type = "uint8", length, endian = "big" } = slice;
  const width = widthOf(type, length);
  const part = Buffer.from(bytes.subarray(at, at + width));
  if (type === "hex") return part.toString("hex");
  if (type === "text") return untilEnd(part).toString("utf8");
  if (endian === "little") part.reverse();
  if (type === "float32" || type === "float64") {
    const value = width === 4 ? part.readFloatBE(0) : part.readDoubleBE(0);
    if (Number.isFinite(value)) return value;
    throw dataError(`the ${type} at byte ${at} is no number: ${part.toString("hex")}`);
  }
  const { lowest, count } = fieldOf(slice);
  // Without JavaScript's bit operators: these take 32 bits as signed.
  const raw = Math.floor(part.readUIntBE(0, width) / 2 ** lowest) % 2 ** count;
  if (slice.boolean) return raw !== 0;
  return type.startsWith("u") ? raw : signed(raw, count);
}

function untilEnd(bytes: Buffer): Buffer {
  const end = bytes.findIndex((byte) => byte === 0x00 || byte === 0xff);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** The bytes of a number, rounded where the type is an integer. Throws `SPI_VALUE` when they can't hold it. */
export function write(
  value: number,
  { type = "uint8", endian = "big" }: { type?: ByteType; endian?: "big" | "little" },
): Buffer {
  const width = widthOf(type);
  const bytes = Buffer.alloc(width);
  if (type === "float32") bytes.writeFloatBE(value);
  else if (type === "float64") bytes.writeDoubleBE(value);
  else {
    const raw = Math.round(value);
    const bits = 8 * width;
    const [least, most] = type.startsWith("u")
      ? [0, 2 ** bits - 1]
      : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
    if (raw < least || raw > most)
      throw valueError(`${raw} is not within ${least} to ${most}, which ${type} holds`);
    if (type.startsWith("u")) bytes.writeUIntBE(raw, 0, width);
    else bytes.writeIntBE(raw, 0, width);
  }
  return endian === "little" ? bytes.reverse() : bytes;
}
