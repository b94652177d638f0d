import type { FileRow } from "./row.ts";

/**
 * Rows on their way between threads: one array of numbers and one of bytes, both transferred, not copied.
 * Ten thousand small objects would take longer to clone than to write to the disk.
 */
export interface PackedRows {
  numbers: Float64Array<ArrayBuffer>;
  bytes: Uint8Array<ArrayBuffer>;
}

const perRow = 9;

export function packRows(
  rows: readonly Omit<FileRow, "id" | "row" | "crc">[] | readonly FileRow[],
  withRecords: boolean,
): PackedRows {
  const numbers = new Float64Array(rows.length * perRow);
  const size = withRecords ? rows.reduce((sum, row) => sum + row.records.length, 0) : 0;
  const bytes = new Uint8Array(size);
  let at = 0;
  rows.forEach((row, i) => {
    const length = withRecords ? row.records.length : 0;
    const { id = 0, row: number = 0, crc = 0 } = row as Partial<FileRow>;
    numbers.set([id, row.chain, number, row.epoch, row.time, row.samples, row.kind, crc, length], i * perRow);
    if (withRecords) bytes.set(row.records, at);
    at += length;
  });
  return { numbers, bytes };
}

export function unpackRows({ numbers, bytes }: PackedRows): FileRow[] {
  const rows: FileRow[] = [];
  let at = 0;
  for (let i = 0; i < numbers.length; i += perRow) {
    const length = numbers[i + 8]!;
    rows.push({
      id: numbers[i]!,
      chain: numbers[i + 1]!,
      row: numbers[i + 2]!,
      epoch: numbers[i + 3]!,
      time: numbers[i + 4]!,
      samples: numbers[i + 5]!,
      kind: numbers[i + 6]!,
      crc: numbers[i + 7]!,
      records: bytes.subarray(at, at + length),
    });
    at += length;
  }
  return rows;
}

export function transferables({ numbers, bytes }: PackedRows): ArrayBuffer[] {
  return [numbers.buffer, bytes.buffer];
}
