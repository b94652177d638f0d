import { type FrameHeader, gapName, generationSize } from "../frame.ts";
import type { Row } from "../outbox/types.ts";
import { encodeRecord } from "../senml/cbor.ts";

/**
 * Merges consecutive rows of a chain into one SenML pack (RFC 8428 section 6) by joining bytes, not by decoding:
 * a row's records have no base fields, so it is enough to give the first record of the frame the base name
 * and the first record of each row its base time. Both go in front of the record's own fields, in a map whose
 * head is one byte.
 */
export interface Frame {
  payload: Uint8Array;
  header: FrameHeader;
  rows: readonly Row[];
}

const baseNameKey = 0x21; // -2
const baseTimeKey = 0x22; // -3
const float64Head = 0xfb;
const mapHead = 0xa0;
/** The largest map whose head is one byte has 23 entries, and two are ours. */
const mostOwnFields = 21;

/**
 * The longest run at the head of `queue` that may go into one frame: without holes, of one generation, with
 * known times, not `skip`ped, and up to `maxBytes` (but at least one row). Empty when the first row can't go.
 */
export function takeRun(
  queue: readonly Row[],
  maxBytes: number,
  skip: (row: Row) => boolean,
): readonly Row[] {
  let bytes = 0;
  let count = 0;
  for (const row of queue) {
    const previous = queue[count - 1];
    if (row.timeMs === undefined || skip(row)) break;
    if (previous && !follows(previous, row)) break;
    bytes += row.records.length;
    if (count > 0 && bytes > maxBytes) break;
    count++;
  }
  return queue.slice(0, count);
}

function follows(previous: Row, row: Row): boolean {
  return row.row === previous.row + 1 && row.row % generationSize !== 0;
}

/** @param rows as {@link takeRun} gives them @param baseName `<node>/<plugin>/` */
export function buildFrame(rows: readonly Row[], baseName: string, store: string, since: number): Frame {
  const parts: Uint8Array[] = [];
  let samples = 0;
  let timeMs: number | undefined;
  for (const row of rows) {
    const records = row.gap ? gapRecord(row) : row.records;
    const name = parts.length === 0 ? baseName : undefined;
    const time = row.timeMs === timeMs ? undefined : row.timeMs;
    timeMs = row.timeMs;
    samples += row.samples;
    parts.push(firstRecordHead(records[0]!, name, time), records.subarray(1));
  }
  const first = rows[0]!.row;
  const last = rows.at(-1)!.row;
  const clockEstimated = rows.some((row) => row.timeEstimated);
  return {
    payload: Buffer.concat([arrayHead(samples), ...parts]),
    header: { store, first, last, since, samples, clockEstimated },
    rows,
  };
}

function gapRecord(row: Row): Uint8Array {
  return encodeRecord({ n: gapName, vs: Buffer.from(row.records).toString() });
}

/** The head of a record's map, with the base fields that it is given. */
function firstRecordHead(head: number, baseName: string | undefined, timeMs: number | undefined): Uint8Array {
  const fields = head - mapHead;
  if (fields < 1 || fields > mostOwnFields) throw new RangeError(`a record with ${fields} fields in one row`);
  const extra = (baseName === undefined ? 0 : 1) + (timeMs === undefined ? 0 : 1);
  const name =
    baseName === undefined
      ? []
      : [Buffer.of(baseNameKey), textHead(baseName.length), Buffer.from(baseName, "latin1")];
  const time: Buffer[] = [];
  if (timeMs !== undefined) {
    const bytes = Buffer.alloc(10);
    bytes.writeUInt8(baseTimeKey, 0);
    bytes.writeUInt8(float64Head, 1);
    bytes.writeDoubleBE(timeMs / 1000, 2);
    time.push(bytes);
  }
  return Buffer.concat([Buffer.of(mapHead + fields + extra), ...name, ...time]);
}

/** RFC 8949 section 3: heads of an array (major type 4) and of a text (major type 3). */
function arrayHead(count: number): Uint8Array {
  return head(0x80, count);
}

function textHead(length: number): Uint8Array {
  return head(0x60, length);
}

function head(major: number, argument: number): Uint8Array {
  if (argument < 24) return Buffer.of(major + argument);
  if (argument < 256) return Buffer.of(major + 24, argument);
  if (argument < 65_536) return Buffer.of(major + 25, argument >> 8, argument & 255);
  return Buffer.of(
    major + 26,
    argument >>> 24,
    (argument >> 16) & 255,
    (argument >> 8) & 255,
    argument & 255,
  );
}
