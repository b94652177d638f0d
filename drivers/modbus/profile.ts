/**
 * Device profiles: the register map of a known device as data, so that a unit's options say `profile: xy-md02` and no
 * more.
 *
 * A profile is nothing but options that somebody else has written: {@link withProfile} makes plain options of a unit
 * that names one, and the rest of the driver knows of no profiles. What the unit says itself counts more, option by
 * option; `without` leaves registers out; a register that the profile does not have is added.
 *
 * A new profile is a file in `profiles/` and a line in `profiles.ts`. Its map comes from the maker's document, which
 * its comment names.
 */
import type { RegisterOptions, UnitOptions } from "./options.ts";
import { profiles } from "./profiles.ts";

/** A register's options with an address. */
export type MappedRegister = RegisterOptions & { address: number | string };

export interface Profile {
  /** What the device is, for people. */
  summary: string;
  /** How the line is set when the device leaves the factory: `9600 8N1`. */
  line?: string;
  /** As the unit's options of these names. */
  maxRegistersPerRead?: number;
  maxCoilsPerRead?: number;
  intervalMs?: number;
  registers: Readonly<Record<string, MappedRegister>>;
}

/** A unit that names no profile any more. */
export type MappedUnit = Omit<UnitOptions, "registers" | "profile" | "without"> & {
  /** Of a register without an address (see `check.ts`) the address is -1. */
  registers: Record<string, MappedRegister>;
};

export function profileOf({ profile }: UnitOptions): Profile | undefined {
  return profile === undefined ? undefined : profiles[profile];
}

/** The unit's options with those of its profile below them. */
export function withProfile(unit: UnitOptions): MappedUnit {
  const { profile: _name, without = [], registers: own = {}, ...rest } = unit;
  const { summary: _summary, line: _line, registers: known = {}, ...limits } = profileOf(unit) ?? {};
  const names = [...new Set([...Object.keys(known), ...Object.keys(own)])];
  return {
    ...limits,
    ...rest,
    registers: Object.fromEntries(
      names
        .filter((name) => !without.includes(name))
        .map((name) => [name, { address: -1, ...known[name], ...own[name] }]),
    ),
  };
}
