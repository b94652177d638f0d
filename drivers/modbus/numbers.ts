import { valueError } from "./errors.ts";

/** A number in big-endian bytes. */
export interface NumberFormat {
  bytes: number;
  /** Throws `MODBUS_VALUE` if the bytes are no finite, exact number. */
  read(data: Buffer, at: number): number;
  /** Writes at 0; integers are rounded to the nearest. Throws `MODBUS_VALUE` if it does not fit. */
  write(data: Buffer, value: number): void;
}

export type NumberType = "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64" | "float32" | "float64";

export const numberFormats: Readonly<Record<NumberType, NumberFormat>> = {
  int16: integer(
    2,
    -(2 ** 15),
    (data, at) => data.readInt16BE(at),
    (data, value) => data.writeInt16BE(value),
  ),
  uint16: integer(
    2,
    0,
    (data, at) => data.readUInt16BE(at),
    (data, value) => data.writeUInt16BE(value),
  ),
  int32: integer(
    4,
    -(2 ** 31),
    (data, at) => data.readInt32BE(at),
    (data, value) => data.writeInt32BE(value),
  ),
  uint32: integer(
    4,
    0,
    (data, at) => data.readUInt32BE(at),
    (data, value) => data.writeUInt32BE(value),
  ),
  int64: integer(
    8,
    -(2 ** 63),
    (data, at) => exact(data.readBigInt64BE(at)),
    (data, value) => data.writeBigInt64BE(BigInt(value)),
  ),
  uint64: integer(
    8,
    0,
    (data, at) => exact(data.readBigUInt64BE(at)),
    (data, value) => data.writeBigUInt64BE(BigInt(value)),
  ),
  float32: float(
    4,
    (data, at) => data.readFloatBE(at),
    (data, value) => data.writeFloatBE(value),
  ),
  float64: float(
    8,
    (data, at) => data.readDoubleBE(at),
    (data, value) => data.writeDoubleBE(value),
  ),
};

function integer(
  bytes: number,
  min: number,
  read: NumberFormat["read"],
  write: NumberFormat["write"],
): NumberFormat {
  const max = min + 2 ** (8 * bytes) - 1;
  return {
    bytes,
    read,
    write(data, value) {
      const whole = Math.round(value);
      if (whole < min || whole > max || (bytes === 8 && !Number.isSafeInteger(whole))) {
        throw valueError(`raw value ${whole} does not fit ${bytes * 8} bits (${min} to ${max})`);
      }
      write(data, whole);
    },
  };
}

function float(bytes: number, read: NumberFormat["read"], write: NumberFormat["write"]): NumberFormat {
  return {
    bytes,
    read(data, at) {
      const value = read(data, at);
      if (!Number.isFinite(value)) throw valueError(`the register holds ${value}`);
      return value;
    },
    write(data, value) {
      if (!Number.isFinite(bytes === 4 ? Math.fround(value) : value)) {
        throw valueError(`${value} does not fit a float of ${bytes * 8} bits`);
      }
      write(data, value);
    },
  };
}

function exact(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw valueError(`the register holds ${value}, beyond 2^53`);
  return number;
}

/** Four decimal digits in each register. Throws `MODBUS_VALUE` for a digit above 9 or a number beyond 2^53. */
export function decodeBcd(data: Buffer, at: number, bytes: number): number {
  const digits = data.toString("hex", at, at + bytes);
  const value = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw valueError(`the register holds ${digits}, which is no BCD number`);
  return value;
}

export function encodeBcd(data: Buffer, value: number): void {
  const digits = String(Math.round(value));
  if (!/^\d+$/.test(digits) || digits.length > data.length * 2) {
    throw valueError(`raw value ${digits} does not fit ${data.length * 2} decimal digits`);
  }
  data.write(digits.padStart(data.length * 2, "0"), "hex");
}
