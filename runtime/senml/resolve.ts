import { UmecError } from "../errors.ts";
import { qualityLabel, reasonLabel, type SenmlRecord } from "./record.ts";

/** A record as it stands in a pack, base fields and all (RFC 8428 section 4). */
export interface RawRecord extends Partial<SenmlRecord> {
  bver?: number;
  bn?: string;
  bt?: number;
  bu?: string;
  bv?: number;
  bs?: number;
}

/** Section 4.5.1: what a name may hold, and what it may begin with. */
const nameCharacters = /^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/;
const version = 10;

/**
 * Folds the base fields into each record (RFC 8428 section 4.6) and checks what the standard demands:
 * a version that we speak, a legal name, one value or a sum. Times stay as they are: a time below 2^28
 * is relative to whenever the pack was received.
 *
 * Throws `SENML_INVALID` with the record's index and the value that is wrong.
 */
export function resolve(pack: readonly RawRecord[]): SenmlRecord[] {
  let bn = "";
  let bu: string | undefined;
  let bt = 0;
  let bv: number | undefined;
  let bs: number | undefined;
  return pack.map((raw, index) => {
    if (raw.bver !== undefined && raw.bver > version) {
      throw invalid(index, `version ${raw.bver} is newer than ${version} (RFC 8428 section 4.4)`);
    }
    bn = raw.bn ?? bn;
    bu = raw.bu ?? bu;
    bt = raw.bt ?? bt;
    bv = raw.bv ?? bv;
    bs = raw.bs ?? bs;
    const n = bn + (raw.n ?? "");
    if (!nameCharacters.test(n))
      throw invalid(
        index,
        `name ${JSON.stringify(n)} is empty or has characters that RFC 8428 section 4.5.1 forbids`,
      );
    const record: SenmlRecord = { n };
    const u = raw.u ?? bu;
    if (u !== undefined) record.u = u;
    setValue(record, raw, index, bv, bs);
    const t = bt + (raw.t ?? 0);
    if (t !== 0) record.t = t;
    if (raw.ut !== undefined) record.ut = raw.ut;
    if (raw[qualityLabel] !== undefined && raw[qualityLabel] !== "good")
      record[qualityLabel] = raw[qualityLabel];
    if (raw[reasonLabel] !== undefined) record[reasonLabel] = raw[reasonLabel];
    return record;
  });
}

function setValue(
  record: SenmlRecord,
  raw: RawRecord,
  index: number,
  bv: number | undefined,
  bs: number | undefined,
): void {
  let values = 0;
  if (raw.vs !== undefined && ++values) record.vs = raw.vs;
  if (raw.vb !== undefined && ++values) record.vb = raw.vb;
  if (raw.vd !== undefined && ++values) record.vd = raw.vd;
  if (raw.v !== undefined || (bv !== undefined && values === 0 && raw.s === undefined && bs === undefined)) {
    values++;
    record.v = (bv ?? 0) + (raw.v ?? 0);
  }
  if (raw.s !== undefined || bs !== undefined) record.s = (bs ?? 0) + (raw.s ?? 0);
  if (values > 1) throw invalid(index, `${record.n} has ${values} values, one is allowed`);
  if (values === 0 && record.s === undefined)
    throw invalid(index, `${record.n} has neither a value nor a sum`);
}

export function invalid(index: number, reason: string): UmecError {
  return new UmecError("SENML_INVALID", `record ${index}: ${reason}`);
}
