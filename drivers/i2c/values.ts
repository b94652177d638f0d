/** Numbers and bits of registers. */
import { valueError } from "./errors.ts";

/** `raw × scale`, without the noise that a scale such as 0.1 would leave: 2301 × 0.1 is 230.1. */
export function scaled(raw: number, scale: number): number {
  const inverse = Math.round(1 / scale);
  return inverse !== 0 && Math.abs(inverse * scale - 1) < 1e-12 ? raw / inverse : raw * scale;
}

/** A value rounded to `digits` behind the point: what a formula computes beyond a sensor's own steps is no news. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** An unsigned number of `bytes` as two's complement of `bits` bits. */
export function signed(raw: number, bits: number): number {
  return raw >= 2 ** (bits - 1) ? raw - 2 ** bits : raw;
}

/** A finite number of a command; throws `I2C_VALUE`. */
export function asNumber(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw valueError(`${JSON.stringify(value)} is no number`);
}

/** A boolean of a command, which may be written 0 or 1; throws `I2C_VALUE`. */
export function asBoolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (value === 0 || value === 1) return value === 1;
  throw valueError(`${JSON.stringify(value)} is neither true nor false`);
}

/** Two decimal digits, packed; undefined when it is none. */
export function fromBcd(byte: number): number | undefined {
  const [tens, units] = [byte >> 4, byte & 15];
  return tens > 9 || units > 9 ? undefined : 10 * tens + units;
}

export function toBcd(value: number): number {
  return (Math.floor(value / 10) << 4) | (value % 10);
}
