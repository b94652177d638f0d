/**
 * Quality as a record says it, and as everybody else sees it.
 *
 * In a record it is one of two texts, or nothing for good. A bad record without a value has the empty text as one
 * (RFC 8428 section 4.2 demands a value), so an empty text that is bad is no value: `null`.
 */
import type { Quality } from "../plugin/contract.ts";
import { qualityLabel, reasonLabel, type SenmlRecord } from "./record.ts";

/** Longest reason, in characters. */
export const maxReasonLength = 200;

/** What is wrong with a record's quality and reason, or `undefined`. */
export function qualityProblem(record: SenmlRecord): string | undefined {
  const { [qualityLabel]: quality, [reasonLabel]: reason } = record;
  if (quality !== undefined && quality !== "uncertain" && quality !== "bad")
    return `${qualityLabel} is ${JSON.stringify(quality.slice(0, 40))}, good, uncertain or bad is needed`;
  return reason === undefined ? undefined : reasonProblem(quality, reason);
}

export function reasonProblem(quality: string | undefined, reason: string): string | undefined {
  if (quality === undefined || quality === "good") return "a reason is for a quality that is not good";
  if (reason.length <= maxReasonLength) return undefined;
  return `the reason has ${reason.length} characters, ${maxReasonLength} are allowed`;
}

/** A quality that a later version has made up is uncertain to this one. */
export function qualityOf({ [qualityLabel]: quality }: SenmlRecord): Quality {
  if (quality === undefined) return "good";
  return quality === "bad" ? "bad" : "uncertain";
}

/** What {@link recordValue} reads: a record needs a value, so `null`, which is a bad one, is the empty text. */
export function setValue(record: SenmlRecord, value: ReturnType<typeof recordValue>): void {
  if (typeof value === "number") record.v = value;
  else if (typeof value === "string") record.vs = value;
  else if (typeof value === "boolean") record.vb = value;
  else if (value === null) record.vs = "";
  else record.vd = value;
}

/** The record's value; `null` when it has none: it is bad, or has a sum alone. */
export function recordValue(record: SenmlRecord): number | string | boolean | Uint8Array | null {
  const { v, vs, vb, vd } = record;
  if (vs === "" && record[qualityLabel] === "bad") return null;
  return v ?? vs ?? vb ?? vd ?? null;
}
