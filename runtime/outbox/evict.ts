import type { Gap } from "../frame.ts";
import type { Lane } from "../plugin/contract.ts";
import { lanes } from "../subjects.ts";
import { corrupt } from "./errors.ts";
import { type FileRow, isGapKind } from "./row.ts";
import { decodeGap, type Store } from "./store.ts";
import type { RowRange } from "./types.ts";

/**
 * Makes room: the oldest rows of the least important lane go, and gap records take their place.
 *
 * Whoever holds more than half of all bytes that wait pays first: of its rows those go, in the same order. So one
 * plugin, however much it stores and in whatever lane, costs the others at most half of the quota. Two that work
 * together are not held by this.
 *
 * A gap record is a row like any other: it has the next number of its chain and reaches the hub by the same
 * way, once. As long as nobody has read it, further evictions of its chain are added to it, so gaps stay few;
 * a gap record that is evicted itself lives on in the one that replaces it.
 */
export interface Evicted {
  rows: number;
  samples: number;
  /** Of `samples`, by plugin. */
  of: Record<string, number>;
  /** New gap records, which count as appended rows. */
  gaps: FileRow[];
}

/** Bytes of records freed at a time: enough that gap records weigh nothing against them. */
const chunkBytes = 256 * 1024;

export class Evictor {
  readonly #store: Store;
  /** The gap record of each chain that can still be added to. */
  readonly #open = new Map<number, number>();
  /** By chain: where its rows begin, so that others' rows before them are passed over once. */
  readonly #begins = new Map<number, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Evicts one chunk inside the present transaction; `undefined` when nothing may be evicted.
   * Rows in `held` are in the link's hands and stay.
   */
  evict(
    held: ReadonlyMap<Lane, readonly RowRange[]>,
    now: { epoch: number; time: number },
  ): Evicted | undefined {
    for (const [lane, chain] of this.#payers()) {
      const rows = this.#oldest(lane, held.get(lane) ?? [], chain);
      if (rows.length > 0) return this.#replace(lane, rows, held.get(lane) ?? [], now);
    }
    return undefined;
  }

  /** In the order in which they are asked: lanes, and a chain where it is that one's alone. */
  #payers(): [Lane, number | undefined][] {
    const weights = [...this.#store.weigh()];
    const total = weights.reduce((sum, [, bytes]) => sum + bytes, 0);
    const [heaviest] = weights.find(([, bytes]) => bytes > total / 2) ?? [];
    const chains = this.#store.chains().filter(({ plugin, rows }) => plugin === heaviest && rows > 0);
    const order = lanes.toReversed();
    // Alone it is everybody.
    const alone = this.#store.chains().every(({ plugin, rows }) => plugin === heaviest || rows === 0);
    return [
      ...(alone ? [] : order).flatMap((lane) =>
        chains.filter((chain) => chain.lane === lane).map(({ id }): [Lane, number] => [lane, id]),
      ),
      ...order.map((lane): [Lane, undefined] => [lane, undefined]),
    ];
  }

  #oldest(lane: Lane, held: readonly RowRange[], chain: number | undefined): FileRow[] {
    let afterId = chain === undefined ? 0 : (this.#begins.get(chain) ?? 0);
    for (const range of held.toSorted((a, b) => a.first - b.first)) {
      if (range.last <= afterId) continue;
      const rows = this.#victims(lane, afterId, range.first, chain);
      if (rows.length > 0) return rows;
      afterId = Math.max(afterId, range.last);
    }
    return this.#victims(lane, afterId, Number.MAX_SAFE_INTEGER, chain);
  }

  /** A lone gap record is no victim: evicting it would only make another. */
  #victims(lane: Lane, afterId: number, beforeId: number, chain: number | undefined): FileRow[] {
    if (afterId >= beforeId) return [];
    const rows =
      chain === undefined
        ? this.#store.read(lane, afterId, chunkBytes, beforeId)
        : this.#store.readChain(chain, afterId, chunkBytes, beforeId);
    const last = rows.at(-1);
    if (chain !== undefined && last) this.#begins.set(chain, last.id);
    return rows.some((row) => !isGapKind(row.kind)) ? rows : [];
  }

  #replace(
    lane: Lane,
    rows: readonly FileRow[],
    held: readonly RowRange[],
    now: { epoch: number; time: number },
  ): Evicted {
    const evicted: Evicted = { rows: 0, samples: 0, of: {}, gaps: [] };
    const names = new Map(this.#store.chains().map(({ id, plugin }) => [id, plugin]));
    for (const [chain, mine] of Map.groupBy(rows, (row) => row.chain)) {
      const gap = gapOf(mine);
      evicted.rows += mine.filter((row) => !isGapKind(row.kind)).length;
      const samples = mine.reduce((sum, row) => sum + (isGapKind(row.kind) ? 0 : row.samples), 0);
      evicted.samples += samples;
      const name = names.get(chain) ?? "";
      evicted.of[name] = (evicted.of[name] ?? 0) + samples;
      const gone = this.#store.erase({
        chain,
        ids: mine.map(({ id }) => ({ first: id, last: id })),
        rows: mine.length,
        samples: mine.reduce((sum, row) => sum + row.samples, 0),
      });
      // A damaged tree can show rows that it does not find again; evicting them would never make room.
      if (gone < mine.length) throw corrupt(`${mine.length - gone} rows of ${lane} are read, but not found`);
      const added = this.#record(lane, chain, gap, held, now);
      if (added) evicted.gaps.push(added);
    }
    this.#store.snapshot();
    return evicted;
  }

  #record(
    lane: Lane,
    chain: number,
    gap: Gap,
    held: readonly RowRange[],
    now: { epoch: number; time: number },
  ): FileRow | undefined {
    const open = this.#open.get(chain);
    const free = open !== undefined && !held.some(({ first, last }) => first <= open && open <= last);
    if (free && this.#store.rewriteGap(lane, open, (old) => mergeGaps(old, gap))) return undefined;
    const row = this.#store.appendGap(chain, gap, now.epoch, now.time);
    this.#open.set(chain, row.id);
    return row;
  }
}

function gapOf(rows: readonly FileRow[]): Gap {
  return rows.map(gapOfRow).reduce(mergeGaps);
}

function gapOfRow(row: FileRow): Gap {
  if (isGapKind(row.kind)) return decodeGap(row.records);
  return { from: row.row, to: row.row, rows: 1, samples: row.samples, reason: "quota" };
}

function mergeGaps(a: Gap, b: Gap): Gap {
  return {
    from: Math.min(a.from, b.from),
    to: Math.max(a.to, b.to),
    rows: a.rows + b.rows,
    samples: a.samples + b.samples,
    reason: a.reason === "damaged" || b.reason === "damaged" ? "damaged" : a.reason,
  };
}
