import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import { caseTwins } from "../common/case-twins.ts";
import { parseReference } from "./address.ts";
import { locate, specOf } from "./config.ts";
import { defaults, type ModbusOptions, type UnitOptions } from "./options.ts";
import { isBitTable, maxRegistersPerRead, maxRegistersPerWrite } from "./pdu.ts";
import { type MappedRegister, profileOf, withProfile } from "./profile.ts";
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
    const silent = transport !== "tcp" && unit.unit === 0;
    for (const finding of [...checkProfile(unit), ...checkRegisters(unit, silent)])
      findings.push({ ...finding, pointer: pointer + finding.pointer });
  }
  return findings;
}

/** What is asked of the profile, and whether anything is left to poll. */
function* checkProfile(unit: UnitOptions): Generator<OptionFinding> {
  const { profile, without = [] } = unit;
  const known = Object.keys(profileOf(unit)?.registers ?? {});
  for (const [i, name] of without.entries()) {
    if (known.includes(name)) continue;
    yield profile === undefined
      ? { pointer: `/without/${i}`, reason: `there is no profile that ${name} could be left out of` }
      : {
          pointer: `/without/${i}`,
          reason: `the profile ${profile} has no register ${name}`,
          hint: `it has ${known.join(", ")}`,
        };
  }
  if (Object.keys(withProfile(unit).registers).length > 0) return;
  yield profile === undefined
    ? { pointer: "", reason: "it has neither registers nor a profile", hint: "name at least one register" }
    : { pointer: "/without", reason: `nothing is left of the profile ${profile}` };
}

/** The registers of the profile and of the unit; `silent`: nobody will answer. */
function* checkRegisters(unit: UnitOptions, silent: boolean): Generator<OptionFinding> {
  const { registers, maxRegistersPerRead: maxWidth = maxRegistersPerRead } = withProfile(unit);
  const { profile, registers: own = {} } = unit;
  const known = profileOf(unit)?.registers ?? {};
  yield* caseTwins(Object.keys(registers), "/registers");
  for (const [quantity, register] of Object.entries(registers)) {
    const ofProfile = Object.hasOwn(known, quantity);
    const isOwn = Object.hasOwn(own, quantity);
    for (const { pointer, reason, hint } of checkOne(quantity, register, maxWidth, silent, profile)) {
      yield {
        // What the file does not say can't be pointed at.
        pointer: isOwn ? `/registers/${quantity}${pointer}` : "/profile",
        reason: ofProfile ? `${quantity} of the profile ${profile}: ${reason}` : reason,
        ...(hint === undefined ? {} : { hint }),
      };
    }
  }
}

function* checkOne(
  quantity: string,
  register: MappedRegister,
  maxWidth: number,
  silent: boolean,
  profile: string | undefined,
): Generator<OptionFinding> {
  if (quantity === "online") {
    yield { pointer: "", reason: "the name online is taken: it says whether the unit answers" };
  }
  if (silent && register.access !== "write") {
    yield {
      pointer: "/access",
      reason: "unit 0 is all units of the line, and nobody answers",
      hint: "use access: write, or the unit's own address, 1 to 247",
    };
  }
  if (register.address === -1) {
    const reason = profile === undefined ? "" : `, and the profile ${profile} has no ${quantity}`;
    yield { pointer: "", reason: `it has no address${reason}` };
  } else yield* checkRegister(register, maxWidth);
}

function* checkRegister(register: MappedRegister, maxWidth: number): Generator<OptionFinding> {
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
