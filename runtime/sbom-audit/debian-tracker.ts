/**
 * What Debian's security tracker says of source packages: its export `tracker/data/json`.
 *
 * | in the export, for a package, an issue and a release | here |
 * |---|---|
 * | `status: resolved`, `fixed_version: "0"` | never had it |
 * | `status: resolved`, `fixed_version` | open where the version is older |
 * | `status: open` | open; fixed nowhere in this release |
 * | `status: undetermined` | undetermined |
 * | the release is not there | not in this release: nothing to say |
 *
 * The severity is Debian's `urgency`. Most issues have none ("not yet assigned"): then a `nodsa`, which says that the
 * security team sees no need for haste, counts as `low`, and without one nobody knows. What is `unimportant` is no
 * vulnerability as Debian builds the package.
 */
import { UmecError } from "../errors.ts";
import { compareDebianVersions, upstreamVersion } from "./debian-version.ts";
import { jsonMembers } from "./json-members.ts";
import type { Fix, Part, Severity, Verdict } from "./types.ts";

interface Release {
  status?: string;
  fixed_version?: string;
  urgency?: string;
  nodsa?: string;
  nodsa_reason?: string;
  repositories?: Record<string, string>;
}

type Releases = Readonly<Record<string, Release>>;

interface Issue {
  description?: string;
  releases?: Releases;
}

/** Debian's release that is never frozen: it has what later ones will have. */
const head = "sid";

/** Throws `SBOM_LIST`. */
export async function readTracker(path: string, parts: readonly Part[]): Promise<Verdict[]> {
  const byName = Map.groupBy(
    parts.filter(({ ecosystem }) => ecosystem === "debian"),
    ({ name }) => name,
  );
  const verdicts: Verdict[] = [];
  const suites = new Set<string>();
  for await (const [name, issues] of jsonMembers(path, (found) => byName.has(found))) {
    if (!isObject(issues)) throw unfit(path, name);
    for (const [id, issue] of Object.entries(issues)) {
      if (!isObject(issue) || !isObject((issue as Issue).releases)) throw unfit(path, `${name}, ${id}`);
      for (const suite of Object.keys((issue as Issue).releases!)) suites.add(suite);
      for (const part of byName.get(name)!) {
        const verdict = judge(id, issue as Issue, part);
        if (verdict) verdicts.push(verdict);
      }
    }
  }
  requireSuites(path, parts, suites);
  return verdicts;
}

/** A list that is of something else, or of a time before the release, would find all well. */
function requireSuites(path: string, parts: readonly Part[], known: ReadonlySet<string>): void {
  for (const { ecosystem, suite = head } of parts) {
    if (ecosystem !== "debian" || known.has(suite)) continue;
    const hint = `it knows ${[...known].join(", ") || "none of the packages"}; fetch a new one, or correct --suite`;
    throw new UmecError("SBOM_LIST", `${path} says nothing about Debian's release ${suite}`, { hint });
  }
}

function judge(id: string, { description = "", releases = {} }: Issue, part: Part): Verdict | undefined {
  const release = releases[part.suite ?? head];
  if (!release || isFixed(part, release)) return undefined;
  const { nodsa, nodsa_reason: reason } = release;
  const note = nodsa && (reason ? `${nodsa} (${reason})` : nodsa);
  return {
    id,
    part,
    state: release.status === "undetermined" ? "undetermined" : "open",
    severity: severityOf(release),
    title: description,
    ...(note && { note }),
    fix: fixOf(release, releases),
  };
}

function isFixed({ version, compare }: Part, { status, fixed_version: fixed }: Release): boolean {
  if (status !== "resolved") return false;
  if (fixed === undefined || fixed === "0") return true;
  return compareDebianVersions(version, compare === "upstream" ? upstreamVersion(fixed) : fixed) >= 0;
}

function fixOf({ status, fixed_version: fixed, repositories = {} }: Release, releases: Releases): Fix {
  if (status === "resolved" && fixed !== undefined) {
    const suite = Object.entries(repositories).find(([, has]) => compareDebianVersions(has, fixed) >= 0)?.[0];
    return { state: "available", version: fixed, ...(suite !== undefined && { suite }) };
  }
  const later = releases[head];
  if (later?.status !== "resolved" || !later.fixed_version || later.fixed_version === "0")
    return { state: "none" };
  return { state: "elsewhere", version: later.fixed_version, suite: head };
}

function severityOf({ urgency = "", nodsa }: Release): Severity {
  // Older entries have a star or two behind it: guessed by a program.
  const word = urgency.replace(/\*+$/, "");
  if (word === "high" || word === "medium" || word === "low") return word;
  if (word === "unimportant") return "none";
  return nodsa ? "low" : "unknown";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unfit(path: string, where: string): UmecError {
  const hint = "--debian takes the export of Debian's security tracker, tracker/data/json";
  return new UmecError("SBOM_LIST", `${path} is no tracker's list, at ${where}`, { hint });
}
