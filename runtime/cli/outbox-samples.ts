/** What an outbox holds, sample by sample, with the names and times that the hub would give them. */
import { type Gap, gapName } from "../frame.ts";
import type { Keeper, Opened } from "../outbox/keeper.ts";
import { type FileRow, isGapKind } from "../outbox/row.ts";
import { decodeGap } from "../outbox/store.ts";
import type { Lane } from "../plugin/contract.ts";
import { decodeCbor } from "../senml/cbor.ts";
import type { SenmlRecord } from "../senml/record.ts";
import { lanes } from "../subjects.ts";
import { batches, timesOf } from "./outbox-examine.ts";

export interface StoredSample {
  plugin: string;
  lane: Lane;
  row: number;
  /** Its name is below the plugin; its `t` is left out for {@link timeMs}. A gap record has the gap as `vs`. */
  record: Omit<SenmlRecord, "t">;
  /** Unix milliseconds; left out where the row's boot never learnt the time. */
  timeMs?: number;
  /** Whether `timeMs` is a guess. */
  estimated: boolean;
  /** The record stands for rows that were lost. */
  gap?: Gap;
}

export interface SampleFilter {
  plugin?: string;
  lane?: Lane;
}

export interface SampleReading {
  signal: AbortSignal;
  /** Is told of each row whose records are no SenML; it is left out. */
  onUnreadable(row: FileRow): void;
  onRows?(count: number): void;
}

/** Lane by lane, most important first, each in the order of arrival. */
export async function* storedSamples(
  keeper: Keeper,
  opened: Opened,
  filter: SampleFilter,
  { signal, onUnreadable, onRows }: SampleReading,
): AsyncGenerator<StoredSample> {
  const chains = new Map(opened.chains.map((chain) => [chain.id, chain]));
  const timeOf = timesOf(opened);
  for (const lane of lanes) {
    if (filter.lane !== undefined && lane !== filter.lane) continue;
    for await (const rows of batches(keeper, lane, signal)) {
      for (const row of rows) {
        const plugin = chains.get(row.chain)?.plugin ?? `unknown-${row.chain}`;
        if (filter.plugin !== undefined && plugin !== filter.plugin) continue;
        const records = recordsOf(row);
        if (!records) onUnreadable(row);
        for (const { t = 0, ...record } of records ?? []) {
          const { timeMs, estimated } = timeOf(row);
          yield {
            plugin,
            lane,
            row: row.row,
            record,
            ...(timeMs !== undefined && { timeMs: timeMs + t * 1000 }),
            estimated,
            ...(isGapKind(row.kind) && { gap: decodeGap(row.records) }),
          };
        }
      }
      onRows?.(rows.length);
    }
  }
}

/** The row's records, as CBOR maps one after another, make a pack between the marks of an indefinite array. */
function recordsOf({ kind, records }: FileRow): SenmlRecord[] | undefined {
  try {
    if (isGapKind(kind)) return [{ n: gapName, vs: JSON.stringify(decodeGap(records)) }];
    return decodeCbor(Buffer.concat([Buffer.of(0x9f), records, Buffer.of(0xff)]));
  } catch {
    return undefined;
  }
}
