/**
 * Values in registers and bits: a {@link Codec} for each register of the map, made once and used at each poll.
 *
 * What can't be told as a finite number is no value: NaN and infinity (which many meters send for "not
 * fitted"), a digit above 9 in BCD, and 64-bit integers beyond 2^53, where a number would be silently rounded
 * (no counter gets there; "not available" marks do). Reading one throws `MODBUS_VALUE`; so does writing what
 * the register can't hold.
 */
import { valueError } from "./errors.ts";
import { decodeBcd, encodeBcd, type NumberFormat, numberFormats } from "./numbers.ts";
import { isBitTable, type Table } from "./pdu.ts";
import { reorder, type WordOrder } from "./words.ts";

export const valueTypes = [
  "bool",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "float32",
  "float64",
  "string",
  "bcd",
] as const;
export type ValueType = (typeof valueTypes)[number];

export interface ValueSpec {
  table: Table;
  type: ValueType;
  /** @default "ABCD" */
  wordOrder?: WordOrder;
  /** Width of `string` and `bcd`, in registers. @default 1 */
  registers?: number;
  /** `bool`: the bit meant; unsigned integers: the lowest bit of a field. 0 is the least significant. */
  bit?: number;
  /** Width of the bit field. @default 1 */
  bits?: number;
  /** value = raw × scale + offset. @default 1 */
  scale?: number;
  /** @default 0 */
  offset?: number;
}

export interface Codec {
  /** Registers (or bits, in a bit table) that the value takes. */
  readonly width: number;
  /** Value at `index` (in registers or bits) of a read's data bytes. Throws `MODBUS_VALUE`. */
  decode(data: Buffer, index: number): number | boolean | string;
  /** The data bytes that a read of the written value would give. Throws `MODBUS_VALUE`. */
  encode(value: unknown): Buffer;
}

/** How many registers (or bits) a value takes. */
export function widthOf({ table, type, registers = 1 }: ValueSpec): number {
  if (isBitTable(table) || type === "bool") return 1;
  return type === "string" || type === "bcd" ? registers : numberFormats[type].bytes / 2;
}

export function createCodec(spec: ValueSpec): Codec {
  if (isBitTable(spec.table)) return bitCodec;
  if (spec.type === "bool") return boolCodec(spec.bit);
  if (spec.type === "string") return stringCodec(spec);
  const width = widthOf(spec);
  const format = spec.type === "bcd" ? bcdFormat(width * 2) : numberFormats[spec.type];
  return numberCodec(spec, format);
}

const bitCodec: Codec = {
  width: 1,
  decode: (data, index) => (data[index >> 3]! & (1 << (index & 7))) !== 0,
  encode: (value) => Buffer.of(asBool(value) ? 1 : 0),
};

/** One bit of a register, or, without `bit`, whether the register is 0. */
function boolCodec(bit?: number): Codec {
  const mask = bit === undefined ? 0xffff : 1 << bit;
  return {
    width: 1,
    decode: (data, index) => (data.readUInt16BE(index * 2) & mask) !== 0,
    encode: (value) => Buffer.of(0, asBool(value) ? 1 : 0),
  };
}

function numberCodec(spec: ValueSpec, format: NumberFormat): Codec {
  const { wordOrder = "ABCD", scale = 1, offset = 0, bit, bits = 1 } = spec;
  const { bytes } = format;
  const scratch = Buffer.alloc(bytes);
  // 2301 × 0.1 is 230.10000000000002, 2301 / 10 is 230.1.
  const divisor = scale !== 0 && Number.isInteger(Math.round(1e9 / scale) / 1e9) ? Math.round(1 / scale) : 0;
  return {
    width: bytes / 2,
    decode(data, index) {
      let raw: number;
      if (wordOrder === "ABCD") raw = format.read(data, index * 2);
      else {
        reorder(wordOrder, bytes, data, index * 2, scratch);
        raw = format.read(scratch, 0);
      }
      if (bit !== undefined) raw = Math.floor(raw / 2 ** bit) % 2 ** bits;
      return (divisor ? raw / divisor : raw * scale) + offset;
    },
    encode(value) {
      const raw = (asNumber(value) - offset) / scale;
      const big = Buffer.alloc(bytes);
      format.write(big, raw);
      const wire = Buffer.alloc(bytes);
      reorder(wordOrder, bytes, big, 0, wire);
      return wire;
    },
  };
}

function bcdFormat(bytes: number): NumberFormat {
  return {
    bytes,
    read: (data, at) => decodeBcd(data, at, bytes),
    write: (data, value) => encodeBcd(data, value),
  };
}

/** Latin-1; ends at the first NUL, trailing spaces fall away. */
function stringCodec({ wordOrder = "ABCD", registers = 1 }: ValueSpec): Codec {
  const bytes = registers * 2;
  const order = wordOrder === "BADC" ? "BADC" : "ABCD";
  return {
    width: registers,
    decode(data, index) {
      const text = Buffer.alloc(bytes);
      reorder(order, bytes, data, index * 2, text);
      const end = text.indexOf(0);
      return text.toString("latin1", 0, end < 0 ? bytes : end).trimEnd();
    },
    encode(value) {
      if (typeof value !== "string") throw valueError(`${shown(value)} is no string`);
      const isLatin1 = [...value].every((character) => character.codePointAt(0)! < 256);
      if (!isLatin1 || value.length > bytes) {
        throw valueError(`${shown(value)} does not fit ${bytes} characters of Latin-1`);
      }
      const text = Buffer.alloc(bytes);
      text.write(value, "latin1");
      const wire = Buffer.alloc(bytes);
      reorder(order, bytes, text, 0, wire);
      return wire;
    },
  };
}

function asBool(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (value === 0 || value === 1) return value === 1;
  throw valueError(`${shown(value)} is neither true nor false`);
}

/** A finite number; throws `MODBUS_VALUE`. */
export function asNumber(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw valueError(`${shown(value)} is no finite number`);
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
}
