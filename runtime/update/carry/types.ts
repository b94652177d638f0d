import type { ChunkRef } from "../../ota/chunk.ts";
import type { BundleIndex } from "../../ota/index-format.ts";
import type { BundleInfo } from "../types.ts";

/** Pieces of indexes by their names. */
export type KnownPieces = ReadonlyMap<string, Uint8Array>;

/** Where chunks come from. What it gives is what was asked for: it has checked that. It waits for the link by itself. */
export interface BundleSource {
  /**
   * @param known what need not be asked for
   * @throws UmecError `UPDATE_NOT_AT_HUB`, `OTA_INDEX_INVALID`, `OTA_CHUNK_DAMAGED` when asking again does not help; the
   *   signal's reason
   */
  index(bundle: BundleInfo, known: KnownPieces, signal: AbortSignal): Promise<BundleIndex>;
  /** @throws as {@link index} */
  chunk(ref: Pick<ChunkRef, "name" | "bytes">, signal: AbortSignal): Promise<Uint8Array>;
}

export interface CarryProgress {
  /** Bytes of the file that are on the node. */
  doneBytes: number;
  allBytes: number;
  /** Of those, what came from outside in this run. */
  fetchedBytes: number;
}
