import { crc32 } from "node:zlib";
import type { Lane } from "../plugin/contract.ts";
import { lanes } from "../subjects.ts";

/** A row as it lies in the file. */
export interface FileRow {
  id: number;
  chain: number;
  row: number;
  /** 0: `time` is Unix time; else the clock epoch in which `time` was measured. */
  epoch: number;
  /** Milliseconds. */
  time: number;
  samples: number;
  /** Lane and whether it is a gap record: {@link kindOf}. */
  kind: number;
  /** CRC-32 over all of the above and the records: SQLite itself does not notice a flipped bit in a value. */
  crc: number;
  records: Uint8Array;
}

const gapBit = 4;

export function kindOf(lane: Lane, gap: boolean): number {
  return lanes.indexOf(lane) + (gap ? gapBit : 0);
}

export function laneOfKind(kind: number): Lane | undefined {
  return lanes[kind & ~gapBit];
}

export function isGapKind(kind: number): boolean {
  return (kind & gapBit) !== 0;
}

const head = new DataView(new ArrayBuffer(40));
const headBytes = new Uint8Array(head.buffer);

export function checksum(row: Omit<FileRow, "crc">): number {
  head.setFloat64(0, row.id);
  head.setFloat64(8, row.row);
  head.setFloat64(16, row.time);
  head.setUint32(24, row.chain);
  head.setUint32(28, row.epoch);
  head.setUint32(32, row.samples);
  head.setUint32(36, row.kind);
  return crc32(row.records, crc32(headBytes));
}
