import { parseReference } from "./address.ts";
import { defaults, type ModbusOptions, type RegisterOptions } from "./options.ts";
import { isBitTable, maxCoilsPerRead, maxRegistersPerRead, type Table } from "./pdu.ts";
import type { Item, PlanLimits } from "./plan.ts";
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
  access: "read" | "write" | "read-write";
  min: number;
  max: number;
}

export interface Unit {
  /** The device's name. */
  name: string;
  unit: number;
  /** All units of a serial line: written to, and never answering. */
  broadcast: boolean;
  registers: Register[];
  limits: (table: Table) => PlanLimits;
}

/** Where a register lies: by its number and `table`, or by a reference such as `40001`. */
export function locate({ table, address }: RegisterOptions): { table: Table; address: number } {
  if (typeof address === "number") return { table: table ?? defaults.table, address };
  const found = parseReference(address);
  return { table: table ?? found?.table ?? defaults.table, address: found?.address ?? -1 };
}

/** The value's form, defaults filled in. */
export function specOf(register: RegisterOptions): ValueSpec {
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
  return Object.entries(units).map(([name, unit]) => {
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
      limits: (table) => (isBitTable(table) ? forBits : forRegisters),
      registers: Object.entries(unit.registers).map(([quantity, register]) => {
        const spec = specOf(register);
        return {
          ...locate(register),
          name: `${name}/${quantity}`,
          unit: register.unit,
          width: widthOf(spec),
          codec: createCodec(spec),
          type: spec.type,
          intervalMs: register.intervalMs ?? unit.intervalMs ?? defaults.intervalMs,
          access: register.access ?? defaults.access,
          min: register.min ?? Number.NEGATIVE_INFINITY,
          max: register.max ?? Number.POSITIVE_INFINITY,
        };
      }),
    };
  });
}
