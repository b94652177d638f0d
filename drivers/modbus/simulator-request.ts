import type { Table } from "./pdu.ts";

/** A request as a simulator saw it. */
export interface SimulatedRequest {
  unit: number;
  functionCode: number;
  table: Table | undefined;
  address: number;
  /** Registers or bits; 1 for a single write. */
  count: number;
}

const tables: Readonly<Record<number, Table>> = {
  1: "coil",
  2: "discrete",
  3: "holding",
  4: "input",
  5: "coil",
  6: "holding",
  15: "coil",
  16: "holding",
};

export function describeRequest(unit: number, pdu: Buffer): SimulatedRequest {
  const functionCode = pdu[0]!;
  const isSingle = functionCode === 5 || functionCode === 6;
  return {
    unit,
    functionCode,
    table: tables[functionCode],
    address: pdu.length >= 3 ? pdu.readUInt16BE(1) : 0,
    count: isSingle || pdu.length < 5 ? 1 : pdu.readUInt16BE(3),
  };
}
