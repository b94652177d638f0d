/** The words that the outbox shares with the link, the composition root and tools. */
import type { Lane } from "../plugin/contract.ts";
import type { SenmlRecord } from "../senml/record.ts";

/** When a row was taken: told by its sender, or measured on this boot's monotonic clock. */
export type RowTime = { unixMs: number } | { monotonicMs: number };

/** A pack on its way in: resolved SenML records without base fields, as CBOR maps one after another. */
export interface NewRow {
  plugin: string;
  lane: Lane;
  time: RowTime;
  /** Records in `records`, at least 1. */
  samples: number;
  /** Record times are relative to the row's time. Names are relative to the plugin. */
  records: Uint8Array;
}

/** Who looks at a plugin's samples once they are on disk. */
export interface SampleWatch {
  /** Whether samples of this point, a path below the plugin, are looked at. */
  wants(point: string): boolean;
  /** Those of one pack, in its order, with names below the plugin. */
  accepted(records: readonly SenmlRecord[]): void;
}

/** A pack that waits. */
export interface Row {
  /** Order in the file, over all chains. */
  id: number;
  /** {@link ChainState.id}. */
  chain: number;
  /** Number in its plugin's lane, without holes (see ../frame.ts). */
  row: number;
  samples: number;
  /** Unix time, `undefined` as long as this boot's clock is not known. */
  timeMs: number | undefined;
  /** Whether `timeMs` is a guess: the row's boot ended before its clock was known. */
  timeEstimated: boolean;
  /** A gap record: `records` is the JSON text of a Gap. */
  gap: boolean;
  records: Uint8Array;
}

/** A plugin's lane. */
export interface ChainState {
  id: number;
  plugin: string;
  lane: Lane;
  /** Number of the next row. */
  nextRow: number;
  waitingRows: number;
  waitingSamples: number;
  /**
   * Row ranges that the hub had stored when a crash kept us from erasing them: rows of these that are
   * still read must be erased, not sent.
   */
  sent: readonly RowRange[];
}

/** First and last, both included. */
export interface RowRange {
  first: number;
  last: number;
}

/** Rows that the hub has stored, or that it never will. */
export interface Erasure {
  chain: number;
  /** Their ids, as runs without other chains' rows between. */
  ids: readonly RowRange[];
  rows: number;
  samples: number;
  /** If given: every row of the chain up to this one is gone. */
  doneRow?: number;
}

/** What the link needs of an outbox. */
export interface OutboxSource {
  /** Identity of the store, 16 hexadecimal digits. */
  readonly store: string;
  /** Id of the youngest committed row. */
  readonly lastId: number;
  chain(id: number): ChainState;
  chains(): readonly ChainState[];
  /** Waiting rows of a lane behind `afterId`, oldest first, up to `maxBytes` but at least one. */
  read(lane: Lane, afterId: number, maxBytes: number): Promise<Row[]>;
  /** Takes effect in memory at once, on disk with a later commit. */
  erase(erasure: Erasure): void;
  /** Remembers for good that the hub has stored these rows. Durable when resolved. */
  markSent(chain: number, range: RowRange): Promise<void>;
  /** Resolves when every erasure so far is on disk. */
  flush(): Promise<void>;
  /** To be called when every row up to `afterId` was read and erased: finds rows that a damaged page hid. */
  verify(afterId: number): Promise<void>;
  /**
   * The hub has rows of this store that this file has not made yet: an old copy of it was put back, or the disk
   * lost what it had confirmed. All that waits gets a new store id, as the numbers are no longer its own.
   */
  disown(reason: string): Promise<void>;
  /** Appends a row to the chain that says only that the node was started again. */
  fence(chain: number): Promise<void>;
  /** Says in the chain that `row` can never be sent, and erases it. */
  giveUp(row: Row, reason: "too-large"): Promise<void>;
  /** Rows that the link holds in memory; these are not evicted to make room. */
  protect(lane: Lane, ranges: readonly RowRange[]): void;
  /** Rows just committed, in order. Returns the function that ends it. */
  onAppended(listener: (rows: readonly Row[]) => void): () => void;
  /** The file was salvaged: whatever was read before is void. */
  onReset(listener: () => void): () => void;
  /** The wall clock became known: rows that had no time have one now. */
  onClock(listener: () => void): () => void;
}

export interface OutboxStats {
  waitingRows: number;
  waitingSamples: number;
  /** Pages in use, in bytes, against the quota. */
  usedBytes: number;
  quotaBytes: number;
  /** Since the start of the process. */
  appendedRows: number;
  appendedSamples: number;
  /** Samples evicted to stay under the quota; each is in a gap record. */
  evictedSamples: number;
  refusedRows: number;
  commits: number;
  payloadBytes: number;
  /** Bytes that the kernel was given to write for them. */
  writtenBytes: number;
  salvages: number;
  lastSalvage: SalvageReport | undefined;
  diskFull: boolean;
}

export interface SalvageReport {
  reason: string;
  /** Where the damaged file lies now. */
  setAside: string;
  rows: number;
  samples: number;
  /** Upper bound of the rows that could not be read. */
  lostRows: number;
  tookMs: number;
}
