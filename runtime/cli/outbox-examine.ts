/**
 * Reads a whole outbox once, so that all damage shows: a file can be opened whose rows are broken further behind.
 * Whatever damage is met is salvaged by the keeper, in the file that it was opened on.
 */
import { setImmediate as breathe } from "node:timers/promises";
import { bootId, monotonicMs } from "../boot.ts";
import { Keeper, type Opened } from "../outbox/keeper.ts";
import { type FileRow, isGapKind } from "../outbox/row.ts";
import type { ChainCounters } from "../outbox/store.ts";
import type { SalvageReport } from "../outbox/types.ts";
import type { Lane } from "../plugin/contract.ts";
import { lanes } from "../subjects.ts";

export interface ExamineOptions {
  signal: AbortSignal;
  /** Is told how many of all rows were read. */
  onProgress?: (done: number, all: number) => void;
}

export interface ChainSummary {
  plugin: string;
  lane: Lane;
  /** Waiting, gap records among them. */
  rows: number;
  samples: number;
  gaps: number;
  /** Unix milliseconds of rows; left out where no row has a known time. */
  oldestMs?: number;
  newestMs?: number;
}

export interface Examined {
  opened: Opened;
  chains: ChainSummary[];
  /** One for each time that the file had to be salvaged. */
  salvages: SalvageReport[];
}

const batchBytes = 256 * 1024;
/** A file that was just salvaged is whole: if it is not, then the disk breaks it while we look. */
const mostSalvages = 5;

export function openKeeper(path: string): Keeper {
  return new Keeper({
    path,
    bootId: bootId(),
    monotonicMs,
    // Nothing is appended here, so nothing may be evicted and no room has to be kept.
    quotaBytes: Number.MAX_SAFE_INTEGER,
    ballastBytes: 0,
  });
}

/** Opens the keeper's file and reads all of it. Throws what {@link Keeper.open} throws. */
export async function examine(keeper: Keeper, options: ExamineOptions): Promise<Examined> {
  let opened = keeper.open();
  const salvages = opened.salvage ? [opened.salvage] : [];
  for (;;) {
    const chains = await readAll(keeper, opened, options);
    const reset = keeper.takeReset();
    if (!reset || salvages.length >= mostSalvages) return { opened, chains, salvages };
    opened = reset;
    if (reset.salvage) salvages.push(reset.salvage);
  }
}

/** Ends early when the file was salvaged on the way. */
async function readAll(keeper: Keeper, opened: Opened, options: ExamineOptions): Promise<ChainSummary[]> {
  const summaries = new Map(opened.chains.map((chain) => [chain.id, emptySummary(chain)]));
  const all = opened.chains.reduce((sum, { rows }) => sum + rows, 0);
  const timeOf = timesOf(opened);
  let done = 0;
  for (const lane of lanes) {
    for await (const rows of batches(keeper, lane, options.signal)) {
      for (const row of rows) count(summaries.get(row.chain), row, timeOf(row).timeMs);
      done += rows.length;
      options.onProgress?.(done, all);
    }
  }
  keeper.verify(0);
  return [...summaries.values()];
}

/** A lane's rows in the order of their arrival. */
export async function* batches(keeper: Keeper, lane: Lane, signal: AbortSignal): AsyncGenerator<FileRow[]> {
  for (let after = 0; ; ) {
    await breathe(undefined, { signal });
    const rows = keeper.read(lane, after, batchBytes);
    if (rows.length === 0) return;
    yield rows;
    after = rows.at(-1)!.id;
  }
}

/** The wall-clock time of rows, as far as it is known. */
export function timesOf({ epochs }: Opened): (row: FileRow) => { timeMs?: number; estimated: boolean } {
  const byId = new Map(epochs.map((epoch) => [epoch.id, epoch]));
  return ({ epoch, time }) => {
    if (epoch === 0) return { timeMs: time, estimated: false };
    const { offsetMs = null, estimated = false } = byId.get(epoch) ?? {};
    return offsetMs === null ? { estimated } : { timeMs: offsetMs + time, estimated };
  };
}

function emptySummary({ plugin, lane }: ChainCounters): ChainSummary {
  return { plugin, lane, rows: 0, samples: 0, gaps: 0 };
}

function count(summary: ChainSummary | undefined, row: FileRow, timeMs: number | undefined): void {
  if (!summary) return;
  summary.rows++;
  if (isGapKind(row.kind)) summary.gaps++;
  else summary.samples += row.samples;
  if (timeMs === undefined) return;
  summary.oldestMs = Math.min(summary.oldestMs ?? timeMs, timeMs);
  summary.newestMs = Math.max(summary.newestMs ?? timeMs, timeMs);
}
