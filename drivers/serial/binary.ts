import { frameError } from "./errors.ts";

export const binaryTypeNames = [
  "u8",
  "i8",
  "u16le",
  "u16be",
  "i16le",
  "i16be",
  "u24le",
  "u24be",
  "i24le",
  "i24be",
  "u32le",
  "u32be",
  "i32le",
  "i32be",
  "f32le",
  "f32be",
  "f64le",
  "f64be",
] as const;
export type BinaryType = (typeof binaryTypeNames)[number];

/** Bytes that a value takes. */
export function widthOf(type: BinaryType): number {
  return Number(type.match(/\d+/)![0]) / 8;
}

/** Reads the number at byte `at` of a frame. Throws `SERIAL_FRAME` when the frame is too short or it is no number. */
export function readBinary(bytes: Buffer, at: number, type: BinaryType): number {
  const width = widthOf(type);
  if (at + width > bytes.length) {
    throw frameError(`the frame has ${bytes.length} bytes, ${type} at ${at} needs ${at + width}`);
  }
  const little = type.endsWith("le");
  if (type.startsWith("u")) return little ? bytes.readUIntLE(at, width) : bytes.readUIntBE(at, width);
  if (type.startsWith("i")) return little ? bytes.readIntLE(at, width) : bytes.readIntBE(at, width);
  const value =
    width === 4
      ? little
        ? bytes.readFloatLE(at)
        : bytes.readFloatBE(at)
      : little
        ? bytes.readDoubleLE(at)
        : bytes.readDoubleBE(at);
  if (!Number.isFinite(value)) throw frameError(`${type} at ${at} is ${value}`);
  return value;
}
