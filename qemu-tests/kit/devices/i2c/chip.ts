import { valueError } from "../errors.ts";
import type { ChipValues } from "./handle.ts";

/**
 * The model of a chip, as the bus sees it. A message is what stands between START and the next START or STOP.
 * Models have no timers: what takes time is computed from the clock they are given when somebody asks.
 */
export interface ChipModel {
  /** Sets the world around the chip, in physical units. Throws `DEVICE_VALUE`. */
  set(values: ChipValues): void;
  /** What was set and what the chip shows outside. */
  state(): ChipValues;
  /** Whether the chip acknowledges the bytes; there are none when only its address is asked for. */
  write(bytes: Uint8Array): boolean;
  /** So many bytes, or `undefined` for no acknowledgement of the address. */
  read(length: number): Uint8Array | undefined;
  /** The bus is free again: the last message of a transfer is over. */
  stop?(): void;
  /** Power comes back: registers take the values that the datasheet gives, the world's values stay. */
  powerUp(): void;
}

/** A clock in milliseconds that only goes forward; `performance.now` unless a test turns it. */
export type NowMs = () => number;

/** Which numbers a chip knows, with their ranges. */
export type Ranges<Name extends string> = Readonly<Record<Name, readonly [min: number, max: number]>>;

/** The known numbers among `values`; throws `DEVICE_VALUE` for a name or number that is not in `ranges`. */
export function checkNumbers<Name extends string>(
  chip: string,
  values: ChipValues,
  ranges: Ranges<Name>,
): Partial<Record<Name, number>> {
  for (const [name, value] of Object.entries(values)) {
    const range = ranges[name as Name];
    if (!range) {
      throw valueError(`${chip} has no ${name}; it has ${Object.keys(ranges).join(", ")}`);
    }
    if (typeof value !== "number" || !(value >= range[0] && value <= range[1])) {
      throw valueError(
        `${chip}: ${name} is ${String(value)}, it must be a number of ${range[0]} to ${range[1]}`,
      );
    }
  }
  return values as Partial<Record<Name, number>>;
}

/** `value` as big-endian bytes. */
export function word(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
}

/** `bytes` cut or filled up with 0xFF, what an idle bus reads as, to `length`. */
export function fit(bytes: Uint8Array, length: number): Uint8Array {
  const filled = new Uint8Array(length).fill(0xff);
  filled.set(bytes.subarray(0, length));
  return filled;
}
