import { messageOf, UmecError } from "../errors.ts";
import { setField } from "./fields.ts";
import type { SenmlPack, SenmlRecord } from "./record.ts";
import { invalid, type RawRecord, resolve } from "./resolve.ts";

/** Decodes and resolves a pack in JSON (RFC 8428 section 5). Throws `SENML_INVALID`. */
export function decodeJson(text: string): SenmlRecord[] {
  let pack: unknown;
  try {
    pack = JSON.parse(text);
  } catch (error) {
    throw new UmecError("SENML_INVALID", `not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (!Array.isArray(pack)) throw new UmecError("SENML_INVALID", "a pack is an array of records");
  return resolve(pack.map(rawRecord));
}

function rawRecord(object: unknown, index: number): RawRecord {
  if (typeof object !== "object" || object === null || Array.isArray(object))
    throw invalid(index, "a record is an object");
  const record: RawRecord = {};
  for (const [key, value] of Object.entries(object)) {
    setField(
      record,
      key,
      key === "vd" && typeof value === "string" ? decodeData(value, index) : value,
      index,
    );
  }
  return record;
}

/** Section 5.1: data values are base64url without padding. */
function decodeData(text: string, index: number): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw invalid(index, "vd is not base64url without padding");
  return new Uint8Array(Buffer.from(text, "base64url"));
}

/** Encodes resolved records as a pack that says each name in full. */
export function encodeJson(pack: SenmlPack): string {
  return JSON.stringify(
    pack.map(({ vd, ...rest }) =>
      vd === undefined ? rest : { ...rest, vd: Buffer.from(vd).toString("base64url") },
    ),
  );
}
