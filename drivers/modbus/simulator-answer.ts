/** What a server answers, as a function: MODBUS Application Protocol V1.1b3, sections 6 and 7. */
import { isBitTable, maxCoilsPerRead, maxRegistersPerRead, maxRegistersPerWrite, type Table } from "./pdu.ts";

/** The world behind a unit. Registers are 0 to 65535, bits 0 or 1. */
export interface SimulatedUnit {
  /** The cell's value; `undefined` if there is none, which is exception 2. */
  read(table: Table, address: number): number | undefined;
  /** Whether the cell was written: `false` is exception 2. Left out: nothing can be written. */
  write?(table: "holding" | "coil", address: number, value: number): boolean;
}

/** A world of plain cells. */
export interface Memory extends SimulatedUnit {
  /** Puts `values` from `address` on. */
  set(table: Table, address: number, ...values: number[]): void;
  /** The same from the bytes of registers. */
  setBytes(table: "holding" | "input", address: number, bytes: Uint8Array): void;
  /** Takes the cell away. */
  remove(table: Table, address: number): void;
}

/** A unit that holds what it is given; cells that were never set do not exist. */
export function createMemory(initial: Partial<Record<Table, Readonly<Record<number, number>>>> = {}): Memory {
  const cells: Record<Table, Map<number, number>> = {
    coil: new Map(),
    discrete: new Map(),
    input: new Map(),
    holding: new Map(),
  };
  for (const [table, values] of Object.entries(initial)) {
    for (const [address, value] of Object.entries(values)) cells[table as Table].set(Number(address), value);
  }
  return {
    read: (table, address) => cells[table].get(address),
    write(table, address, value) {
      if (!cells[table].has(address)) return false;
      cells[table].set(address, value);
      return true;
    },
    set(table, address, ...values) {
      for (const [i, value] of values.entries()) cells[table].set(address + i, value);
    },
    setBytes(table, address, bytes) {
      for (let i = 0; i + 1 < bytes.length; i += 2) {
        cells[table].set(address + i / 2, (bytes[i]! << 8) | bytes[i + 1]!);
      }
    },
    remove: (table, address) => void cells[table].delete(address),
  };
}

/** The PDU that answers `pdu`; `undefined`, silence, if there is no such unit. */
export function answer(unit: SimulatedUnit | undefined, pdu: Buffer): Buffer | undefined {
  if (!unit) return undefined;
  const code = pdu[0]!;
  const reply = attempt(unit, code, pdu);
  return typeof reply === "number" ? Buffer.of(code | 0x80, reply) : reply;
}

/** The reply, or the exception's code. */
function attempt(unit: SimulatedUnit, code: number, pdu: Buffer): Buffer | number {
  if (pdu.length < 5) return [1, 2, 3, 4, 5, 6, 15, 16].includes(code) ? 3 : 1;
  const address = pdu.readUInt16BE(1);
  const argument = pdu.readUInt16BE(3);
  switch (code) {
    case 1:
      return readCells(unit, "coil", code, address, argument);
    case 2:
      return readCells(unit, "discrete", code, address, argument);
    case 3:
      return readCells(unit, "holding", code, address, argument);
    case 4:
      return readCells(unit, "input", code, address, argument);
    case 5:
      if (argument !== 0 && argument !== 0xff00) return 3;
      return writeCells(unit, "coil", pdu, address, [argument ? 1 : 0]);
    case 6:
      return writeCells(unit, "holding", pdu, address, [argument]);
    case 15: {
      const bytes = (argument + 7) >> 3;
      if (argument < 1 || argument > 1968 || pdu[5] !== bytes || pdu.length !== 6 + bytes) return 3;
      const bit = (i: number): number => (pdu[6 + (i >> 3)]! >> (i & 7)) & 1;
      return writeCells(
        unit,
        "coil",
        pdu,
        address,
        Array.from({ length: argument }, (_, i) => bit(i)),
      );
    }
    case 16: {
      const bytes = argument * 2;
      if (argument < 1 || argument > maxRegistersPerWrite) return 3;
      if (pdu[5] !== bytes || pdu.length !== 6 + bytes) return 3;
      const words = Array.from({ length: argument }, (_, i) => pdu.readUInt16BE(6 + 2 * i));
      return writeCells(unit, "holding", pdu, address, words);
    }
    default:
      return 1;
  }
}

function readCells(
  unit: SimulatedUnit,
  table: Table,
  code: number,
  address: number,
  count: number,
): Buffer | number {
  const bits = isBitTable(table);
  if (count < 1 || count > (bits ? maxCoilsPerRead : maxRegistersPerRead)) return 3;
  if (address + count > 65536) return 2;
  const bytes = bits ? (count + 7) >> 3 : count * 2;
  const reply = Buffer.alloc(2 + bytes);
  reply[0] = code;
  reply[1] = bytes;
  for (let i = 0; i < count; i++) {
    const value = unit.read(table, address + i);
    if (value === undefined) return 2;
    if (!bits) reply.writeUInt16BE(value, 2 + 2 * i);
    else if (value) reply[2 + (i >> 3)]! |= 1 << (i & 7);
  }
  return reply;
}

function writeCells(
  unit: SimulatedUnit,
  table: "holding" | "coil",
  pdu: Buffer,
  address: number,
  values: readonly number[],
): Buffer | number {
  for (const [i, value] of values.entries()) {
    if (!unit.write?.(table, address + i, value)) return 2;
  }
  return Buffer.from(pdu.subarray(0, 5));
}
