import { decode, encode } from "cborg";
import { messageOf, UmecError } from "../errors.ts";
import { setField } from "./fields.ts";
import { qualityLabel, reasonLabel, type SenmlPack, type SenmlRecord } from "./record.ts";
import { invalid, type RawRecord, resolve } from "./resolve.ts";

/** Tag 4: decimal fraction [exponent, mantissa], allowed for numbers by RFC 8428 section 6. */
const decimalFractionTag = 4;
const tags = {
  [decimalFractionTag]: (decodeContent: () => unknown): unknown => {
    const content = decodeContent();
    if (!Array.isArray(content) || typeof content[0] !== "number" || typeof content[1] !== "number")
      return Number.NaN;
    return Number(`${content[1]}e${content[0]}`);
  },
};

/**
 * Decodes and resolves a pack in CBOR (RFC 8428 section 6). Throws `SENML_INVALID`.
 */
export function decodeCbor(bytes: Uint8Array): SenmlRecord[] {
  let pack: unknown;
  try {
    pack = decode(bytes, { useMaps: true, rejectDuplicateMapKeys: true, tags });
  } catch (error) {
    throw new UmecError("SENML_INVALID", `not CBOR: ${messageOf(error)}`, { cause: error });
  }
  if (!Array.isArray(pack)) throw new UmecError("SENML_INVALID", "a pack is an array of records");
  return resolve(pack.map(rawRecord));
}

function rawRecord(map: unknown, index: number): RawRecord {
  if (!(map instanceof Map)) throw invalid(index, "a record is a map");
  const record: RawRecord = {};
  for (const [key, value] of map) setField(record, key, value, index);
  return record;
}

/** Encodes resolved records as a pack that says each name in full. */
export function encodeCbor(pack: SenmlPack): Uint8Array {
  return encode(pack.map(toMap));
}

/** Encodes one record alone, without an array around it. */
export function encodeRecord(record: SenmlRecord): Uint8Array {
  return encode(toMap(record));
}

/** The key order is cborg's own (deterministic, RFC 8949 section 4.2): equal records are equal bytes. */
function toMap(record: SenmlRecord): Map<number | string, unknown> {
  const map = new Map<number | string, unknown>([[0, record.n]]);
  if (record.u !== undefined) map.set(1, record.u);
  if (record.v !== undefined) map.set(2, record.v);
  if (record.vs !== undefined) map.set(3, record.vs);
  if (record.vb !== undefined) map.set(4, record.vb);
  if (record.s !== undefined) map.set(5, record.s);
  if (record.t !== undefined) map.set(6, record.t);
  if (record.ut !== undefined) map.set(7, record.ut);
  if (record.vd !== undefined) map.set(8, record.vd);
  for (const label of [qualityLabel, reasonLabel] as const) {
    if (record[label] !== undefined) map.set(label, record[label]);
  }
  return map;
}
