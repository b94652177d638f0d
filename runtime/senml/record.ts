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
}

export type SenmlPack = readonly SenmlRecord[];
