/**
 * What of a node the hub keeps: its target state, which system it is to run, and, for one with a credentials file, the CAs
 * by which it is to know its hub.
 */
export type DocumentKind = "target" | "update" | "ca";

export interface NodeDocument {
  /** Grows with each change; of this kind at this hub. */
  readonly revision: number;
  readonly body: Uint8Array;
}

/** The documents that the hub keeps for this node. */
export interface NodeDocuments {
  /**
   * Calls `onDocument` with the newest document whenever the link comes up or the hub changes it; `undefined`: there is none.
   * The same revision is not told twice.
   */
  watch(
    kind: DocumentKind,
    onDocument: (document: NodeDocument | undefined) => void,
    signal: AbortSignal,
  ): void;
}

/** Most bytes of a document's body. */
export const mostDocumentBytes = 262_144;
