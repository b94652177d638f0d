/** Values of commands, and decimal digits. */
import { valueError } from "./errors.ts";

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
