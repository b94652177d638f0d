import type { Table } from "./pdu.ts";

const tableByDigit: Readonly<Record<string, Table>> = {
  "0": "coil",
  "1": "discrete",
  "3": "input",
  "4": "holding",
};

/** A reference as manuals print it: the table's digit, then the number from 1, in 5 or 6 digits. */
export const referencePattern = "^[0134]([0-9]{4}|[0-9]{5})$";

/**
 * Table and address (from 0) of a reference such as `40001` or `400001`, the first holding register.
 * `undefined` if it is none; the number 0 does not exist, and the last one is 9999 or 65536.
 */
export function parseReference(reference: string): { table: Table; address: number } | undefined {
  if (!new RegExp(referencePattern).test(reference)) return undefined;
  const table = tableByDigit[reference[0]!]!;
  const address = Number(reference.slice(1)) - 1;
  return address >= 0 && address <= 0xffff ? { table, address } : undefined;
}
