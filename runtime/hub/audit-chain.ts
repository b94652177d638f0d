import type { Lane } from "../plugin/contract.ts";
import type { SenmlRecord } from "../senml/record.ts";
import type { ExpectedRows } from "./audit.ts";
import { StoreAudit } from "./audit-store.ts";
import { type HubFrame, type MalformedFrame, malformedFrame, recordsOf } from "./frames.ts";
import { isGapRecord, parseGap, type StoredGap } from "./gap.ts";
import type { Range } from "./ranges.ts";

export interface AuditCounts {
  frames: number;
  /** Packs stored, each row counted once; rows that are gap records are none. */
  rows: number;
  /** Samples stored, counted from the records; gap records are none. */
  samples: number;
  /** Rows that gap records say are lost, without those that came all the same. */
  rowsInGaps: number;
  samplesInGaps: number;
  /** Expected rows that are not there and may have stood in a damaged range, beyond what its gap tells. */
  rowsUncertain: number;
  /** Expected samples that are not there, where a damaged range may have held any number of them. */
  samplesUncertain: number;
  /** Rows that a frame carries though another one did. */
  rowsTwice: number;
  /** Rows not behind the last row that the same outbox had stored on the same chain. */
  rowsOutOfOrder: number;
  /** Rows that neither a frame carries nor a gap covers: holes, and with `expected` what lacks at the end. */
  rowsMissing: number;
  /** Expected samples that are neither stored nor in gaps; 0 where nothing is expected. */
  samplesMissing: number;
  /** Samples stored beyond those expected; 0 where nothing is expected. */
  samplesExtra: number;
  /** Samples with a name and time that came before, as far as was looked: see `duplicateLimit`. */
  samplesTwice: number;
  /** Frames whose header tells another number of samples than they hold. */
  samplesMiscounted: number;
  /**
   * Rows from a live frame's `since` on that are not on the live chain before it, nor in a gap; and frames
   * whose `since` can't be: behind their first row, or not 0 on a backlog chain.
   */
  sinceFaults: number;
}

export interface ChainAudit extends AuditCounts {
  plugin: string;
  lane: Lane;
  liveFrames: number;
  backlogFrames: number;
  /** The outboxes that the rows came from, in the order of their first frame. */
  stores: string[];
  /** The first holes. */
  missing: (Range & { store: string })[];
  /** Whether each sample was looked at for `samplesTwice`. */
  duplicatesComplete: boolean;
}

const holesShown = 20;

/** Gathers the frames of one plugin and lane. */
export class ChainAuditor {
  readonly #stores = new Map<string, StoreAudit>();
  readonly #frames = { live: 0, backlog: 0 };
  readonly #seen = new Map<string, Set<number>>();
  readonly #duplicateLimit: number;
  #remembered = 0;
  #overlooked = 0;
  #samples = 0;
  #samplesTwice = 0;
  #samplesMiscounted = 0;

  constructor(duplicateLimit: number) {
    this.#duplicateLimit = duplicateLimit;
  }

  /** Returns what could not be read of it. */
  add(frame: HubFrame): MalformedFrame[] {
    const records = recordsOf(frame);
    if (!Array.isArray(records)) return [records];
    const malformed: MalformedFrame[] = [];
    const gaps: StoredGap[] = [];
    let samples = 0;
    for (const record of records) {
      if (!isGapRecord(record)) {
        samples++;
        this.#lookForTwin(record);
        continue;
      }
      const gap = parseGap(record);
      if (gap) gaps.push(gap);
      else malformed.push(malformedFrame(frame, "a gap record can't be read"));
    }
    this.#samples += samples;
    // Whether gap records count in the header is the node's affair.
    const { samples: told, store } = frame.header;
    if (told < samples || told > records.length) this.#samplesMiscounted++;
    this.#frames[frame.chain.backlog ? "backlog" : "live"]++;
    const fault = this.#store(store).add(frame, gaps);
    if (fault !== undefined) malformed.push(malformedFrame(frame, fault));
    return malformed;
  }

  result(plugin: string, lane: Lane, expected: ExpectedRows | undefined): ChainAudit {
    const stores = [...this.#stores];
    const sum = (count: (store: StoreAudit) => number) =>
      stores.reduce((total, [, store]) => total + count(store), 0);
    const rows = sum((store) => store.rows);
    const rowsInGaps = sum((store) => store.rowsInGaps);
    const samplesInGaps = sum((store) => store.samplesInGaps);
    const possiblyDamaged = sum((store) => store.rowsPossiblyDamaged);
    const missing: ChainAudit["missing"] = [];
    let inHoles = 0;
    for (const [store, audit] of stores) {
      for (const hole of audit.holes()) {
        inHoles += hole.to - hole.from + 1;
        if (missing.length < holesShown) missing.push({ store, ...hole });
      }
    }
    const rowsLacking = Math.max(0, (expected?.rows ?? 0) - rows - rowsInGaps - inHoles);
    const rowsUncertain = Math.min(rowsLacking, possiblyDamaged);
    const samplesLacking = Math.max(0, (expected?.samples ?? 0) - this.#samples - samplesInGaps);
    const samplesUncertain = stores.some(([, store]) => store.damaged) ? samplesLacking : 0;
    return {
      plugin,
      lane,
      frames: this.#frames.live + this.#frames.backlog,
      liveFrames: this.#frames.live,
      backlogFrames: this.#frames.backlog,
      stores: stores.map(([store]) => store),
      rows,
      samples: this.#samples,
      rowsInGaps,
      samplesInGaps,
      rowsTwice: sum((store) => store.rowsTwice),
      rowsOutOfOrder: sum((store) => store.rowsOutOfOrder),
      rowsMissing: inHoles + rowsLacking - rowsUncertain,
      rowsUncertain,
      missing,
      samplesMissing: samplesLacking - samplesUncertain,
      samplesUncertain,
      samplesExtra: Math.max(0, this.#samples - (expected?.samples ?? this.#samples)),
      samplesTwice: this.#samplesTwice,
      duplicatesComplete: this.#overlooked === 0,
      samplesMiscounted: this.#samplesMiscounted,
      sinceFaults: sum((store) => store.sinceFaults),
    };
  }

  #store(id: string): StoreAudit {
    let store = this.#stores.get(id);
    if (!store) {
      store = new StoreAudit();
      this.#stores.set(id, store);
    }
    return store;
  }

  #lookForTwin({ n, t }: SenmlRecord): void {
    if (t === undefined) return;
    let times = this.#seen.get(n);
    if (times?.has(t)) {
      this.#samplesTwice++;
    } else if (this.#remembered >= this.#duplicateLimit) {
      this.#overlooked++;
    } else {
      if (!times) {
        times = new Set();
        this.#seen.set(n, times);
      }
      times.add(t);
      this.#remembered++;
    }
  }
}
