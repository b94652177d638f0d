import { valueError } from "../../errors.ts";
import type { ChipValues } from "../handle.ts";

/**
 * The pins of a port expander as bits. `set({ inputs: { 3: 1, 4: 0 } })`: pin to level, the others stay. Returns the
 * levels from outside after it. Throws `DEVICE_VALUE`.
 */
export function changePins(
  chip: string,
  pins: number,
  levels: number,
  { inputs, ...rest }: ChipValues,
): number {
  const wrong = `${chip} takes { inputs: { <0 to ${pins - 1}>: 0 or 1 } }`;
  if (typeof inputs !== "object" || inputs === null || Object.keys(rest).length > 0) throw valueError(wrong);
  let changed = levels;
  for (const [name, level] of Object.entries(inputs)) {
    const pin = Number(name);
    if (!Number.isInteger(pin) || pin < 0 || pin >= pins || (level !== 0 && level !== 1)) {
      throw valueError(`${wrong}; pin ${name} is ${String(level)}`);
    }
    changed = level ? changed | (1 << pin) : changed & ~(1 << pin);
  }
  return changed;
}

/** Levels by pin, of those pins whose bit in `mask` is set. */
export function pinLevels(pins: number, levels: number, mask: number): Readonly<Record<number, 0 | 1>> {
  const entries = Array.from({ length: pins }, (_, pin) => [pin, ((levels >> pin) & 1) as 0 | 1] as const);
  return Object.fromEntries(entries.filter(([pin]) => (mask >> pin) & 1));
}
