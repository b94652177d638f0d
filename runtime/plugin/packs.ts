import { encodeCbor } from "../senml/cbor.ts";
import { setValue } from "../senml/quality.ts";
import { qualityLabel, reasonLabel, type SenmlRecord } from "../senml/record.ts";
import { pathToTokens } from "../subjects.ts";
import type { Lane, Sample } from "./contract.ts";

/** Larger packs are sent in parts, in bytes. */
export const packBytes = 256 * 1024;

/** What goes into one message. */
export interface Pack {
  subject: string;
  lane: Lane;
  samples: readonly Sample[];
  records: readonly SenmlRecord[];
  /** Whether the samples say their own time. */
  timed: boolean;
  /** As SenML CBOR, right at the moment of the emit. */
  payload: Uint8Array;
}

/**
 * The packs of an emit: one for each device (the first segment of the names), so that who listens to a device
 * gets its samples and no others. Samples with a time of their own and samples without go into different
 * packs: the latter's time is filled in by the outbox, and repaired when the clock was not yet known.
 */
export function packsOf(samples: readonly Sample[], lane: Lane): Pack[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = `${sample.timeMs === undefined ? "" : "/"}${firstSegment(sample.name)}`;
    const group = groups.get(key);
    if (group) group.push(sample);
    else groups.set(key, [sample]);
  }
  return [...groups.values()].flatMap((group) => {
    const subject = `${lane === "alarm" ? "event" : "telemetry"}.${pathToTokens(commonPath(group))}`;
    return split(group, group.map(recordOf), subject, lane);
  });
}

function split(
  samples: readonly Sample[],
  records: readonly SenmlRecord[],
  subject: string,
  lane: Lane,
): Pack[] {
  const payload = encodeCbor(records);
  if (payload.length > packBytes && records.length > 1) {
    const middle = records.length >> 1;
    return [
      ...split(samples.slice(0, middle), records.slice(0, middle), subject, lane),
      ...split(samples.slice(middle), records.slice(middle), subject, lane),
    ];
  }
  return [{ subject, lane, samples, records, timed: samples[0]!.timeMs !== undefined, payload }];
}

/** Younger packs are sent as they are: so long a busy board takes to send one anyway. */
const youngMs = 50;

/** The pack's bytes when it is sent `ageMs` after the emit: times that are relative to now say so. */
export function payloadAt(pack: Pack, ageMs: number): Uint8Array {
  if (pack.timed || ageMs < youngMs) return pack.payload;
  const t = -Math.round(ageMs) / 1000;
  return encodeCbor(pack.records.map((record) => ({ ...record, t })));
}

function recordOf({ name, value, unit, timeMs, quality, reason }: Sample): SenmlRecord {
  const record: SenmlRecord = { n: name };
  if (unit !== undefined) record.u = unit;
  setValue(record, value);
  if (timeMs !== undefined) record.t = timeMs / 1000;
  if (quality !== undefined && quality !== "good") record[qualityLabel] = quality;
  if (reason !== undefined) record[reasonLabel] = reason;
  return record;
}

function firstSegment(name: string): string {
  const end = name.indexOf("/");
  return end < 0 ? name : name.slice(0, end);
}

/** The longest path that all names of a group begin with: `a/b/c` and `a/b/d` → `a/b`. */
function commonPath(group: readonly Sample[]): string {
  let common = group[0]!.name;
  for (const { name } of group) {
    while (name !== common && !name.startsWith(`${common}/`))
      common = common.slice(0, common.lastIndexOf("/"));
  }
  return common;
}
