import type { TSchema } from "typebox";
import { parseReference } from "./address.ts";
import { defaults, type ModbusOptions } from "./options.ts";
import { isBitTable, maxCoilsPerRead, maxRegistersPerRead, type Table } from "./pdu.ts";
import type { Item, PlanLimits } from "./plan.ts";
import { valueSchema } from "./point-schema.ts";
import type { Priority } from "./priority.ts";
import { type MappedRegister, withProfile } from "./profile.ts";
import { type Codec, createCodec, type ValueSpec, widthOf } from "./values.ts";

/** A register of the map, with nothing left to look up. */
export interface Register extends Item {
  /** `device/quantity`. */
  name: string;
  /** SenML unit. */
  unit: string | undefined;
  codec: Codec;
  type: ValueSpec["type"];
  intervalMs: number;
  priority: Priority;
  access: "read" | "write" | "read-write";
  min: number;
  max: number;
  /** JSON Schema of what may be written. */
  schema: TSchema;
}

export interface Unit {
  /** The device's name. */
  name: string;
  unit: number;
  /** All units of a serial line: written to, and never answering. */
  broadcast: boolean;
  /** The profile that its registers come from. */
  profile: string | undefined;
  registers: Register[];
  limits: (table: Table) => PlanLimits;
}

/** Where a register lies: by its number and `table`, or by a reference such as `40001`. */
export function locate({ table, address }: MappedRegister): { table: Table; address: number } {
  if (typeof address === "number") return { table: table ?? defaults.table, address };
  const found = parseReference(address);
  return { table: table ?? found?.table ?? defaults.table, address: found?.address ?? -1 };
}

/** The value's form, defaults filled in. */
export function specOf(register: MappedRegister): ValueSpec {
  const { table } = locate(register);
  const {
    type = isBitTable(table) ? "bool" : "uint16",
    wordOrder,
    registers,
    bit,
    bits,
    scale,
    offset,
  } = register;
  return Object.fromEntries(
    Object.entries({ table, type, wordOrder, registers, bit, bits, scale, offset }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as unknown as ValueSpec;
}

/** The units of valid options: see `check.ts` for what makes them so. */
export function resolveUnits({ transport = defaults.transport, units }: ModbusOptions): Unit[] {
  return Object.entries(units).map(([name, given]) => {
    const unit = withProfile(given);
    const requestCost = unit.requestCost ?? defaults.requestCost;
    const registerCost = unit.gapCost ?? defaults.gapCost;
    const forRegisters: PlanLimits = {
      maxCount: unit.maxRegistersPerRead ?? maxRegistersPerRead,
      requestCost,
      unitCost: registerCost,
    };
    const forBits: PlanLimits = {
      maxCount: unit.maxCoilsPerRead ?? maxCoilsPerRead,
      requestCost,
      // Sixteen bits travel in the room of one register.
      unitCost: registerCost / 16,
    };
    return {
      name,
      unit: unit.unit,
      broadcast: transport !== "tcp" && unit.unit === 0,
      profile: given.profile,
      limits: (table) => (isBitTable(table) ? forBits : forRegisters),
      registers: Object.entries(unit.registers).map(([quantity, register]) => {
        const spec = specOf(register);
        const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = register;
        return {
          ...locate(register),
          name: `${name}/${quantity}`,
          unit: register.unit,
          width: widthOf(spec),
          codec: createCodec(spec),
          type: spec.type,
          intervalMs: register.intervalMs ?? unit.intervalMs ?? defaults.intervalMs,
          priority: register.priority ?? unit.priority ?? defaults.priority,
          access: register.access ?? defaults.access,
          min,
          max,
          schema: valueSchema(spec, min, max),
        };
      }),
    };
  });
}
