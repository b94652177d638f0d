/** Text labels in both encodings. They do not end in `_`, so that others need not understand them (section 4.4). */
export const qualityLabel = "umec:quality";
export const reasonLabel = "umec:reason";

/**
 * A resolved SenML record (RFC 8428 section 4.6): every base field folded in.
 * Exactly one of `v`, `vs`, `vb`, `vd` is present, unless `s` is.
 */
export interface SenmlRecord {
  /** Name, with the base name in front. Characters of RFC 8428 section 4.5.1. */
  n: string;
  /** Unit, from the registry of RFC 8428 section 12.1. */
  u?: string;
  v?: number;
  vs?: string;
  vb?: boolean;
  vd?: Uint8Array;
  /** Sum. */
  s?: number;
  /** Unix time in seconds; below 2^28 relative to now (section 4.5.3). */
  t?: number;
  /** Update time in seconds. */
  ut?: number;
  /**
   * `uncertain` or `bad`; left out for good. Of our own, as RFC 8428 section 12.2 allows: who does not know it
   * passes over it. A bad record without a value says `vs: ""`, as the standard demands one.
   */
  [qualityLabel]?: string;
  /** Why the quality is not good, for people. */
  [reasonLabel]?: string;
}

export type SenmlPack = readonly SenmlRecord[];
