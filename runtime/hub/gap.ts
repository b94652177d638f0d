import { type Gap, gapName } from "../frame.ts";
import type { SenmlRecord } from "../senml/record.ts";

/** A {@link Gap} as the hub reads it: a newer node may know more reasons. */
export type StoredGap = Omit<Gap, "reason"> & { reason: string };

export function isGapRecord(record: SenmlRecord): boolean {
  return record.n.endsWith(`/${gapName}`);
}

/** The gap that a gap record tells of, or `undefined` when it can't be read. */
export function parseGap(record: SenmlRecord): StoredGap | undefined {
  if (record.vs === undefined) return undefined;
  let gap: Partial<StoredGap> | null;
  try {
    gap = JSON.parse(record.vs);
  } catch {
    return undefined;
  }
  if (typeof gap !== "object" || gap === null) return undefined;
  const { from, to, rows, samples, reason } = gap;
  if (!isCount(from) || !isCount(to) || !isCount(rows) || !isCount(samples)) return undefined;
  if (from < 1 || from > to || typeof reason !== "string") return undefined;
  return { from, to, rows, samples, reason };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
