/**
 * What is known to be wrong with what is shipped.
 *
 * It promises to say nothing is well that it has not looked at: a part for which no list was given, and one that no list
 * knows, is told as not checked. It asks nobody over the network: the lists are files, so the answer of a day can be had
 * again, and a builder without a way out gets it too.
 */
import { type IgnoreEntry, ignore } from "./ignore-file.ts";
import { readInventory } from "./inventory.ts";
import { type Pins, readPins, withPins } from "./pins.ts";
import { bySeverity, isAtLeast } from "./severity.ts";
import type { Finding, Level, Part, Verdict } from "./types.ts";

export interface AuditOptions {
  /** Bundles, images, folders with them. */
  paths: readonly string[];
  /** Export of Debian's security tracker. */
  debian?: string;
  /** npm's advisories. */
  npm?: string;
  /** The Node.js project's list. */
  node?: string;
  ignored?: readonly IgnoreEntry[];
  /** @default "trixie" */
  suite?: string;
  /** The clone whose pins count. @default none */
  tree?: string;
  /** What is open and at least so bad makes the audit fail; `undefined`: nothing does. */
  failOn?: Level;
  now?: Date;
}

export interface AuditReport {
  /** What was read of what is shipped. */
  readonly files: readonly string[];
  readonly parts: readonly Part[];
  /** Open and not ignored, the worst first. */
  readonly open: readonly Finding[];
  readonly undetermined: readonly Finding[];
  readonly ignored: readonly Finding[];
  readonly unchecked: readonly Part[];
  /** Entries of the ignore file that are for nothing here. */
  readonly idle: readonly IgnoreEntry[];
  readonly pins: Pins | undefined;
  /** Of those open, the ones that `failOn` does not let pass. */
  readonly failing: readonly Finding[];
}

/** Throws `SBOM_INPUT` and `SBOM_LIST`. */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const { paths, debian, npm, node, ignored: entries = [], suite = "trixie", tree, failOn } = options;
  const { parts, files } = await readInventory(paths, { suite });
  const pins = tree === undefined ? undefined : await readPins(tree);
  const verdicts: Verdict[] = [];
  if (debian !== undefined) {
    const { readTracker } = await import("./debian-tracker.ts");
    verdicts.push(...(await readTracker(debian, parts)));
  }
  if (npm !== undefined) {
    const { readAdvisories } = await import("./npm-advisories.ts");
    verdicts.push(...(await readAdvisories(npm, parts)));
  }
  if (node !== undefined) {
    const { readNodeList } = await import("./node-advisories.ts");
    verdicts.push(...(await readNodeList(node, parts)));
  }
  const { findings, idle } = ignore(
    verdicts.map((verdict) => withPins(verdict, pins)),
    entries,
    options.now ?? new Date(),
  );
  const told = findings
    // What Debian calls no vulnerability as it builds the package.
    .filter(({ severity }) => severity !== "none")
    .toSorted(
      (a, b) => bySeverity(a.severity, b.severity) || byText(a.part.name, b.part.name) || byText(a.id, b.id),
    );
  const open = told.filter(({ state, ignored }) => state === "open" && !ignored);
  const lists = { debian, npm, node, none: undefined };
  return {
    files,
    parts,
    open,
    undetermined: told.filter(({ state, ignored }) => state === "undetermined" && !ignored),
    ignored: told.filter(({ ignored }) => ignored !== undefined),
    unchecked: parts.filter(({ ecosystem }) => lists[ecosystem] === undefined),
    idle,
    pins,
    failing: failOn === undefined ? [] : open.filter(({ severity }) => isAtLeast(severity, failOn)),
  };
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
