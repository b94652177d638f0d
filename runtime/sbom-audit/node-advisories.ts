/**
 * What the Node.js project says of its own releases: the file `vuln/core/index.json` of its security working group, an
 * object of `{ cve, vulnerable, patched, overview, severity? }`, both in between as ranges. It knows about what is compiled in, as
 * OpenSSL, where that touches Node.js. npm's advisories do not know Node.js, and Debian's are of other versions of it.
 */
import { UmecError } from "../errors.ts";
import { readJson } from "./npm-advisories.ts";
import {
  compareSemver,
  formatSemver,
  parseRange,
  parseSemver,
  type Version,
  within,
} from "./semver-range.ts";
import type { Fix, Part, Severity, Verdict } from "./types.ts";

interface Entry {
  cve?: string[];
  vulnerable?: string;
  patched?: string;
  description?: string;
  overview?: string;
  severity?: string;
  affectedEnvironments?: string[];
}

const severities: readonly Severity[] = ["low", "medium", "high", "critical"];

/** Throws `SBOM_LIST`. */
export async function readNodeList(path: string, parts: readonly Part[]): Promise<Verdict[]> {
  const entries = Object.entries(await readJson(path)) as [string, Entry][];
  for (const [key, entry] of entries) if (typeof entry?.vulnerable !== "string") throw unfit(path, key);
  return parts
    .filter(({ ecosystem }) => ecosystem === "node")
    .flatMap((part) => entries.flatMap(([key, entry]) => judge(key, entry, part)));
}

function judge(key: string, entry: Entry, part: Part): Verdict[] {
  const version = parseSemver(part.version);
  const range = parseRange(entry.vulnerable!);
  if (version && range && !within(version, range)) return [];
  const { affectedEnvironments: where = ["all"], severity = "" } = entry;
  if (!where.includes("all") && !where.includes("linux")) return [];
  const title = entry.overview ?? entry.description ?? "";
  const known = severities.find((one) => one === severity.toLowerCase()) ?? "unknown";
  const fix = version ? fixFor(version, entry.patched) : ({ state: "none" } as const);
  const ids = entry.cve?.length ? entry.cve : [`NSWG-COR-${key}`];
  return ids.map((id) => ({ id, part, state: "open", severity: known, title, fix }));
}

/** The nearest later version, so of the same line where that has one. */
function fixFor(version: Version, patched = ""): Fix {
  const lowest = (parseRange(patched) ?? [])
    .flatMap((bounds) => bounds.filter(({ op }) => op === ">=").map((bound) => bound.version))
    .filter((one) => compareSemver(one, version) > 0)
    .toSorted(compareSemver)[0];
  return lowest ? { state: "available", version: formatSemver(lowest) } : { state: "none" };
}

function unfit(path: string, key: string): UmecError {
  const hint = "--node takes vuln/core/index.json of the Node.js project's security working group";
  return new UmecError("SBOM_LIST", `${path} is no list of Node.js: nothing is vulnerable at ${key}`, {
    hint,
  });
}
