/** What counts for `--fail-on`, from the least to the worst. `unknown` is not here: see `levelOf` in severity.ts. */
export const levels = ["none", "low", "medium", "high", "critical"] as const;

export type Level = (typeof levels)[number];
/** `unknown`: whoever keeps the list has not said it yet. */
export type Severity = Level | "unknown";

/** Whose list of vulnerabilities knows a part. `none`: nobody's that is read here. */
export type Ecosystem = "debian" | "npm" | "node" | "none";

/** One thing that is shipped, in one version. */
export interface Part {
  readonly ecosystem: Ecosystem;
  /** Debian's source package, npm's package, or `node`. */
  readonly name: string;
  /** Debian's is that of the source package. */
  readonly version: string;
  /** Debian's release, as `trixie`. */
  readonly suite?: string;
  /** `upstream`: of the version only what stands before Debian's revision is known. */
  readonly compare?: "upstream";
  /** What of it is inside: Debian's binary packages. */
  readonly includes: readonly string[];
  /** Files that name it. */
  readonly from: readonly string[];
}

/** What a list says of a part. */
export interface Verdict {
  /** CVE or GHSA. */
  readonly id: string;
  readonly part: Part;
  /** `undetermined`: nobody has found out yet whether this version has it. */
  readonly state: "open" | "undetermined";
  readonly severity: Severity;
  readonly title: string;
  /** What the list's keeper says about the haste, as Debian's "Minor issue". */
  readonly note?: string;
  readonly fix: Fix;
}

/**
 * | | the fixed version |
 * |---|---|
 * | `pinned` | is the one that the tree pins now: what is shipped is older |
 * | `available` | can be had: one bump of the base brings it |
 * | `elsewhere` | is in a later release only |
 * | `none` | is not there yet, or unknown |
 */
export interface Fix {
  readonly state: "pinned" | "available" | "elsewhere" | "none";
  readonly version?: string;
  /** Which of Debian's suites has it, as `trixie-security`. */
  readonly suite?: string;
}

/** A verdict after the ignore file. */
export interface Finding extends Verdict {
  readonly ignored?: { readonly reason: string; readonly until: string };
  /** An entry that was for it holds no longer: the day it ran out. */
  readonly expired?: string;
}
