import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import { caseTwins } from "../common/case-twins.ts";
import { parseReference } from "./address.ts";
import { locate, specOf } from "./config.ts";
import { defaults, type ModbusOptions, type RegisterOptions } from "./options.ts";
import { isBitTable, maxRegistersPerRead, maxRegistersPerWrite } from "./pdu.ts";
import { widthOf } from "./values.ts";

/** What is wrong with options that fit the schema: each finding points at the option meant. */
export function checkOptions({ transport = defaults.transport, units }: ModbusOptions): OptionFinding[] {
  const findings: OptionFinding[] = [];
  const unitOwner = new Map<number, string>();
  findings.push(...caseTwins(Object.keys(units), "/units"));
  for (const [device, unit] of Object.entries(units)) {
    const pointer = `/units/${device}`;
    const owner = unitOwner.get(unit.unit);
    if (owner === undefined) unitOwner.set(unit.unit, device);
    else {
      findings.push({
        pointer: `${pointer}/unit`,
        reason: `unit ${unit.unit} is polled as ${owner} already`,
        hint: `put the registers of both under ${owner}`,
      });
    }
    findings.push(...caseTwins(Object.keys(unit.registers), `${pointer}/registers`));
    for (const [quantity, register] of Object.entries(unit.registers)) {
      const at = `${pointer}/registers/${quantity}`;
      if (quantity === "online") {
        findings.push({ pointer: at, reason: "the name online is taken: it says whether the unit answers" });
      }
      if (transport !== "tcp" && unit.unit === 0 && register.access !== "write") {
        findings.push({
          pointer: `${at}/access`,
          reason: "unit 0 is all units of the line, and nobody answers",
          hint: "use access: write, or the unit's own address, 1 to 247",
        });
      }
      const maxWidth = unit.maxRegistersPerRead ?? maxRegistersPerRead;
      for (const finding of checkRegister(register, maxWidth)) {
        findings.push({ ...finding, pointer: at + finding.pointer });
      }
    }
  }
  return findings;
}

/** Names that differ in case only are one name to too many readers. */
function* checkRegister(register: RegisterOptions, maxWidth: number): Generator<OptionFinding> {
  const { table, address } = locate(register);
  const spec = specOf(register);
  const { type, bit, bits } = spec;
  const width = widthOf(spec);
  const writes = (register.access ?? "read") !== "read";

  if (typeof register.address === "string") {
    const reference = parseReference(register.address);
    if (!reference) {
      yield {
        pointer: "/address",
        reason: `${register.address} is no reference`,
        hint: "use 40001 to 49999 or 400001 to 465536 (first digit 0 coil, 1 discrete, 3 input, 4 holding)",
      };
      return;
    }
    if (reference.table !== table) {
      yield {
        pointer: "/table",
        reason: `${register.address} lies in table ${reference.table}, not ${table}`,
      };
    }
  }
  if (address + width > 65536) {
    yield {
      pointer: "/address",
      reason: `${type} at ${address} reaches to ${address + width - 1}, beyond 65535`,
    };
  }
  if (isBitTable(table) && type !== "bool") {
    yield { pointer: "/type", reason: `table ${table} holds bits, not ${type}` };
  }
  if (!isBitTable(table) && width > maxWidth) {
    yield { pointer: "/type", reason: `a value of ${width} registers does not fit a read of ${maxWidth}` };
  }
  if (type === "bcd" && width > 4) {
    yield {
      pointer: "/registers",
      reason: `${width * 4} decimal digits do not fit a number; 4 registers do`,
    };
  }
  if (type === "string" && (spec.wordOrder === "CDAB" || spec.wordOrder === "DCBA")) {
    yield { pointer: "/wordOrder", reason: `a string is in order ABCD or BADC, not ${spec.wordOrder}` };
  }
  if (spec.scale === 0) yield { pointer: "/scale", reason: "a scale of 0 makes every value the same" };
  if (isBitTable(table) ? bit !== undefined : bit !== undefined && !/^(bool|uint16|uint32)$/.test(type)) {
    yield { pointer: "/bit", reason: `${type} in table ${table} has no bits to pick` };
  } else if (bit !== undefined && bit + (type === "bool" ? 1 : (bits ?? 1)) > width * 16) {
    yield {
      pointer: "/bit",
      reason: `bits ${bit} to ${bit + (bits ?? 1) - 1} reach beyond ${width * 16} bits`,
    };
  }
  if ((register.min ?? -Infinity) > (register.max ?? Infinity)) {
    yield { pointer: "/min", reason: `${register.min} is above max, ${register.max}` };
  }
  if (!writes) return;
  if (table === "input" || table === "discrete") {
    yield {
      pointer: "/access",
      reason: `table ${table} can't be written`,
      hint: "only holding and coil can",
    };
  }
  if (bit !== undefined) {
    yield {
      pointer: "/access",
      reason: "one bit of a register can't be written without racing the device for the others",
      hint: "command the whole register",
    };
  }
  if (width > maxRegistersPerWrite) {
    yield { pointer: "/access", reason: `${width} registers do not fit a write of ${maxRegistersPerWrite}` };
  }
}
