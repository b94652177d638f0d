import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Gap, generationSize } from "../frame.ts";
import type { Lane } from "../plugin/contract.ts";
import { carveRows } from "./carve.ts";
import { type Label, readLabel, syncDirectory, writeLabel } from "./label.ts";
import { laneOfKind } from "./row.ts";
import { RowSet } from "./row-set.ts";
import { type ChainCounters, type Epoch, Store, type StoreOptions } from "./store.ts";
import type { RowRange, SalvageReport } from "./types.ts";

/**
 * Salvage: a damaged file is set aside, what can be read of it is carried over, what can't becomes gap records.
 *
 * 1. A new file of the next generation is written beside it: its ids and row numbers lie above all that were
 *    ever given, so carried rows keep their numbers, their order and, at the hub, their identity. Those that
 *    the hub has already are found out by the link, as after any crash.
 * 2. For each chain what may be missing becomes one gap record. Its range is an upper bound, as nobody knows
 *    what stood on a page that can't be read; its count is of the numbers that are missing for certain.
 * 3. The label is rewritten, the damaged file and its log renamed to `damaged-…` (the last one is kept for
 *    whoever wants to look), the new file renamed into place.
 *
 * A crash in 1 or 2 leaves the damaged file where it was, and salvage begins again. A crash within 3 leaves
 * only the whole new file under its draft name: {@link finishSalvage} puts it in place.
 */
export interface Salvaged {
  store: Store;
  label: Label;
  report: SalvageReport;
}

export interface SalvageOptions extends StoreOptions {
  reason: string;
  /** The counters as they were in memory, if the damage was met while running: they make the gaps exact. */
  counters?: readonly ChainCounters[];
  /** A row that was met where it should not be: its chain's gap reaches back to it. */
  suspect?: { chain: number; row: number };
}

export function salvage(path: string, options: SalvageOptions): Salvaged {
  const began = performance.now();
  const old = readLabel(labelPath(path));
  const peek = Store.peek(path);
  const counters = new Map((options.counters ?? peek.chains).map((chain) => [chain.id, chain]));
  const oldGeneration = old?.generation ?? peek.generation ?? 0;
  const label: Label = {
    store: old?.store ?? peek.store ?? randomBytes(8).toString("hex"),
    generation: oldGeneration + 1,
    chains: [],
    epochs: mergeEpochs(old, peek.epochs),
  };

  const draft = draftPath(path);
  removeFile(draft);
  const store = Store.open(draft, label, options);
  const found = carry(path, store);
  label.chains = nameChains(old, counters, found);
  const report = { reason: options.reason, setAside: "", rows: 0, samples: 0, lostRows: 0, tookMs: 0 };
  store.transaction(() => {
    for (const epoch of label.epochs) store.putEpoch({ lastMs: 0, estimated: false, ...epoch });
    for (const chain of label.chains) {
      const { numbers = new RowSet(), samples = 0 } = found.get(chain.id) ?? {};
      const known = counters.get(chain.id);
      const firstRow = label.generation * generationSize + 1;
      const doneRow = known?.doneRow ?? 0;
      store.addChain({ ...chain, nextRow: firstRow, doneRow, rows: numbers.count, samples, sent: [] });
      for (const range of sentRanges(chain.id, known, old)) store.addSent(chain.id, range);
      const exact = options.counters !== undefined;
      const { suspect } = options;
      const from = Math.min(
        doneRow + 1,
        suspect?.chain === chain.id && suspect.row > 0 ? suspect.row : Number.MAX_SAFE_INTEGER,
      );
      const gap = missing(numbers, known, from, exact ? known?.nextRow : undefined, firstRow);
      if (gap) store.appendGap(chain.id, gap, 0, Date.now());
      report.rows += numbers.count;
      report.samples += samples;
      report.lostRows += gap?.rows ?? 0;
    }
    store.snapshot();
  });
  store.checkpoint();
  store.close();

  writeLabel(labelPath(path), label);
  report.setAside = setFileAside(path);
  finishSalvage(path);
  report.tookMs = Math.round(performance.now() - began);
  return { store: Store.open(path, label, options), label, report };
}

/** Puts the file of a salvage in place that was cut off between its two renames. */
export function finishSalvage(path: string): void {
  if (existsSync(path) || !existsSync(draftPath(path))) return;
  // The damaged file's log must not be taken for the new file's.
  rmSync(`${path}-wal`, { force: true });
  renameSync(draftPath(path), path);
  syncDirectory(dirname(path));
}

export const labelPath = (path: string): string => `${path}.label`;
const draftPath = (path: string): string => `${path}.salvaging`;

interface FoundChain {
  lane: Lane;
  numbers: RowSet;
  samples: number;
}

/** Streams what can be read into the new file: a full outbox does not fit into the memory of a small board. */
function carry(path: string, store: Store): Map<number, FoundChain> {
  const found = new Map<number, FoundChain>();
  const rows = carveRows(path);
  for (let more = true; more; ) {
    store.transaction(() => {
      for (let i = 0; i < 5_000; i++) {
        const next = rows.next();
        if (next.done) {
          more = false;
          return;
        }
        const row = next.value;
        const lane = laneOfKind(row.kind);
        if (!lane || !store.carry(row, lane)) continue;
        const chain = found.get(row.chain) ?? { lane, numbers: new RowSet(), samples: 0 };
        found.set(row.chain, chain);
        chain.numbers.add(row.row);
        chain.samples += row.samples;
      }
    });
  }
  return found;
}

/** Chains that neither label nor file can name are kept under a name of their own: nothing readable is dropped. */
function nameChains(
  old: Label | undefined,
  counters: ReadonlyMap<number, ChainCounters>,
  found: ReadonlyMap<number, FoundChain>,
): Label["chains"] {
  const chains = new Map(old?.chains.map((chain) => [chain.id, chain]));
  for (const { id, plugin, lane } of counters.values())
    if (!chains.has(id)) chains.set(id, { id, plugin, lane });
  for (const [id, { lane }] of found)
    if (!chains.has(id)) chains.set(id, { id, plugin: `recovered-${id}`, lane });
  return [...chains.values()];
}

/** As the counters have them and, as these may be older than the label, as the label has them. */
function sentRanges(chain: number, known: ChainCounters | undefined, old: Label | undefined): RowRange[] {
  const ranges = [...(known?.sent ?? [])];
  for (const { chain: owner, first, last } of old?.sent ?? []) {
    if (owner === chain && !ranges.some((r) => r.first === first && r.last === last))
      ranges.push({ first, last });
  }
  return ranges;
}

function mergeEpochs(old: Label | undefined, peeked: readonly Epoch[]): Label["epochs"] {
  const epochs = new Map(old?.epochs.map((epoch) => [epoch.id, epoch]));
  for (const { id, boot, offsetMs } of peeked)
    epochs.set(id, { id, boot, offsetMs: offsetMs ?? epochs.get(id)?.offsetMs ?? null });
  return [...epochs.values()];
}

/**
 * @param from the first row that may be missing
 * @param nextRow the row after the last one given, if it is known for certain
 * @param firstRow the first row of the new generation
 */
function missing(
  numbers: RowSet,
  counters: ChainCounters | undefined,
  from: number,
  nextRow: number | undefined,
  firstRow: number,
): Gap | undefined {
  const certain = Math.max(counters?.nextRow ?? 0, numbers.last + 1);
  const rows = numbers.holesBetween(from, certain);
  // A row behind the last one says that the counters are damaged themselves, or older than the rows.
  const end = nextRow === certain ? nextRow : undefined;
  if (end !== undefined && rows === 0) return undefined;
  const first = numbers.firstHole(from);
  return { from: first, to: (end ?? firstRow) - 1, rows, samples: rows, reason: "damaged" };
}

function setFileAside(path: string): string {
  const directory = dirname(path);
  for (const name of readdirSync(directory))
    if (name.startsWith("damaged-")) rmSync(join(directory, name), { force: true });
  const aside = join(directory, `damaged-${new Date().toISOString().replaceAll(":", "")}-${basename(path)}`);
  if (existsSync(path)) renameSync(path, aside);
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`);
  return aside;
}

function removeFile(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}
