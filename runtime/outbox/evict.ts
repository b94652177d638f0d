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
 * A gap record is a row like any other: it has the next number of its chain and reaches the hub by the same
 * way, once. As long as nobody has read it, further evictions of its chain are added to it, so gaps stay few;
 * a gap record that is evicted itself lives on in the one that replaces it.
 */
export interface Evicted {
  rows: number;
  samples: number;
  /** New gap records, which count as appended rows. */
  gaps: FileRow[];
}

/** Bytes of records freed at a time: enough that gap records weigh nothing against them. */
const chunkBytes = 256 * 1024;

export class Evictor {
  readonly #store: Store;
  /** The gap record of each chain that can still be added to. */
  readonly #open = new Map<number, number>();

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
    for (const lane of lanes.toReversed()) {
      const rows = this.#oldest(lane, held.get(lane) ?? []);
      if (rows.length > 0) return this.#replace(lane, rows, held.get(lane) ?? [], now);
    }
    return undefined;
  }

  #oldest(lane: Lane, held: readonly RowRange[]): FileRow[] {
    let afterId = 0;
    for (const range of held.toSorted((a, b) => a.first - b.first)) {
      const rows = this.#victims(lane, afterId, range.first);
      if (rows.length > 0) return rows;
      afterId = Math.max(afterId, range.last);
    }
    return this.#victims(lane, afterId, Number.MAX_SAFE_INTEGER);
  }

  /** A lone gap record is no victim: evicting it would only make another. */
  #victims(lane: Lane, afterId: number, beforeId: number): FileRow[] {
    const rows = this.#store.read(lane, afterId, chunkBytes, beforeId);
    return rows.some((row) => !isGapKind(row.kind)) ? rows : [];
  }

  #replace(
    lane: Lane,
    rows: readonly FileRow[],
    held: readonly RowRange[],
    now: { epoch: number; time: number },
  ): Evicted {
    const evicted: Evicted = { rows: 0, samples: 0, gaps: [] };
    for (const [chain, mine] of Map.groupBy(rows, (row) => row.chain)) {
      const gap = gapOf(mine);
      evicted.rows += mine.filter((row) => !isGapKind(row.kind)).length;
      evicted.samples += mine.reduce((sum, row) => sum + (isGapKind(row.kind) ? 0 : row.samples), 0);
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
