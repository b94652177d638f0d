import { firstAbsoluteS, lastAbsoluteS, maxPackBytes, maxValueBytes, nameProblem } from "../emit-wire.ts";
import { UmecError } from "../errors.ts";
import type { Lane } from "../plugin/contract.ts";
import { encodeCbor } from "../senml/cbor.ts";
import { decodePack } from "../senml/pack.ts";
import { qualityProblem } from "../senml/quality.ts";
import type { SenmlRecord } from "../senml/record.ts";
import type { NewRow, RowTime } from "./types.ts";

export interface TakenPack {
  rows: NewRow[];
  /** As they came, with their base fields resolved. */
  records: readonly SenmlRecord[];
}

export interface PackContext {
  plugin: string;
  lane: Lane;
  /** When the pack came, on this boot's clock. */
  monotonicMs: number;
  maxSamples: number;
}

/** The rows of a pack. Throws as {@link takePack} does. */
export function rowsOf(pack: Uint8Array, context: PackContext): NewRow[] {
  return takePack(pack, context).rows;
}

/**
 * The row of a pack, or two when it mixes samples that say their time with samples that leave it to the node:
 * the one's row has the first sample's own time, the other's the time at which it came. All other times become
 * relative to the row's, in whole microseconds.
 *
 * Throws `SENML_INVALID` for what RFC 8428 forbids and `EMIT_INVALID` for what the node or the hub can't keep.
 */
export function takePack(pack: Uint8Array, context: PackContext): TakenPack {
  if (pack.length > maxPackBytes) throw tooLarge(pack.length);
  const records = decodePack(pack);
  if (records.length === 0) throw new UmecError("SENML_INVALID", "the pack is empty");
  if (records.length > context.maxSamples) {
    throw new UmecError("EMIT_INVALID", `${records.length} samples, ${context.maxSamples} are allowed`);
  }
  for (const record of records) check(record);
  return { rows: rowsOfRecords(records, context), records };
}

function rowsOfRecords(records: readonly SenmlRecord[], context: PackContext): NewRow[] {
  let absolute = 0;
  for (const record of records) if (isAbsolute(record)) absolute++;
  if (absolute === 0) return [rowOf(records, { monotonicMs: context.monotonicMs }, context)];
  if (absolute === records.length) return [absoluteRow(records, context)];
  return [
    absoluteRow(records.filter(isAbsolute), context),
    rowOf(
      records.filter((record) => !isAbsolute(record)),
      { monotonicMs: context.monotonicMs },
      context,
    ),
  ];
}

function check(record: SenmlRecord): void {
  const problem = nameProblem(record.n);
  if (problem) throw new UmecError("EMIT_INVALID", `${JSON.stringify(record.n.slice(0, 250))}: ${problem}`);
  const { n, v = 0, s = 0, t = 0, vs = "", vd } = record;
  // A base value, sum or time was added: the sum of two finite numbers may not be finite.
  if (!Number.isFinite(v) || !Number.isFinite(s)) throw new UmecError("EMIT_INVALID", `${n}: not finite`);
  if (!(t > -firstAbsoluteS && t <= lastAbsoluteS)) {
    throw new UmecError("EMIT_INVALID", `${n}: a time of ${t} s is neither Unix time nor relative to now`);
  }
  const bytes = vd?.length ?? (3 * vs.length <= maxValueBytes ? 0 : Buffer.byteLength(vs));
  if (bytes > maxValueBytes) {
    throw new UmecError("EMIT_INVALID", `${n}: a value of ${bytes} bytes, ${maxValueBytes} are allowed`);
  }
  const unfit = qualityProblem(record);
  if (unfit) throw new UmecError("EMIT_INVALID", `${n}: ${unfit}`);
}

function isAbsolute({ t }: SenmlRecord): boolean {
  return t !== undefined && t >= firstAbsoluteS;
}

function absoluteRow(records: readonly SenmlRecord[], context: PackContext): NewRow {
  const unixUs = microseconds(records[0]!.t!);
  const relative = records.map((record) => {
    const { t, ...rest } = record;
    const us = microseconds(t!) - unixUs;
    return us === 0 ? rest : { ...rest, t: us / 1e6 };
  });
  return rowOf(relative, { unixMs: unixUs / 1e3 }, context);
}

function microseconds(seconds: number): number {
  return Math.round(seconds * 1e6);
}

function rowOf(records: readonly SenmlRecord[], time: RowTime, { plugin, lane }: PackContext): NewRow {
  const bytes = withoutHead(encodeCbor(records), records.length);
  if (bytes.length > maxPackBytes) throw tooLarge(bytes.length);
  return { plugin, lane, time, samples: records.length, records: bytes };
}

/** A CBOR array's head takes 1, 2, 3 or 5 bytes (RFC 8949 section 3). */
function withoutHead(pack: Uint8Array, count: number): Uint8Array {
  return pack.subarray(count < 24 ? 1 : count < 256 ? 2 : count < 65_536 ? 3 : 5);
}

function tooLarge(bytes: number): UmecError {
  const hint = "send it in parts";
  return new UmecError("EMIT_INVALID", `a pack of ${bytes} bytes, ${maxPackBytes} are allowed`, { hint });
}
