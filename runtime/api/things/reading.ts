/** Readings as applications get them: a JSON value, or SenML (RFC 8428). */
import { encodeCbor } from "../../senml/cbor.ts";
import { encodeJson } from "../../senml/json.ts";
import { setValue } from "../../senml/quality.ts";
import { qualityLabel, reasonLabel, type SenmlRecord } from "../../senml/record.ts";
import type { Reading } from "../types.ts";

export const senmlJson = "application/senml+json";
export const senmlCbor = "application/senml+cbor";

/** The record, with the name that the hub gives it, too: `node/plugin/point`. */
export function recordOf(node: string, reading: Reading): SenmlRecord {
  const { plugin, point, value, unit, timeMs, quality, reason } = reading;
  const record: SenmlRecord = { n: `${node}/${plugin}/${point}` };
  if (unit !== undefined) record.u = unit;
  setValue(record, value);
  if (timeMs !== undefined) record.t = Math.round(timeMs * 1000) / 1e6;
  if (quality !== "good") record[qualityLabel] = quality;
  if (reason !== undefined) record[reasonLabel] = reason;
  return record;
}

export function senmlText(node: string, readings: readonly Reading[]): string {
  return encodeJson(readings.map((reading) => recordOf(node, reading)));
}

export function senmlBytes(node: string, readings: readonly Reading[]): Uint8Array {
  return encodeCbor(readings.map((reading) => recordOf(node, reading)));
}

/** The value in JSON; bytes as base64, `null` when there is none. */
export function jsonValue({ value }: Pick<Reading, "value">): string | number | boolean | null {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}

/** What a JSON value alone does not say. */
export function readingHeaders({ quality, timeMs }: Reading): Record<string, string> {
  return {
    "umec-quality": quality,
    ...(timeMs !== undefined && { "umec-time": new Date(timeMs).toISOString() }),
  };
}
