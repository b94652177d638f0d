/**
 * What npm's registry says of packages, in either of the forms in which npm hands it out:
 *
 * - `npm audit --json`, report version 2: `{ auditReportVersion, vulnerabilities: { <name>: { via: [advisory, …] } } }`;
 *   a text in `via` names the package through which the vulnerability comes, and that one has an entry of its own.
 * - The registry's bulk answer: `{ <name>: [advisory, …] }`.
 *
 * Both rather than OSV: npm is here anyway, one command writes the file, and it holds what the lockfile's packages need
 * and not the 200,000 others. A range that can't be read counts as one that the version is in.
 */
import { readFile } from "node:fs/promises";
import { messageOf, UmecError } from "../errors.ts";
import { formatSemver, parseRange, parseSemver, within } from "./semver-range.ts";
import { severityOfScore } from "./severity.ts";
import type { Fix, Part, Severity, Verdict } from "./types.ts";

interface Advisory {
  source?: number;
  id?: number;
  title?: string;
  url?: string;
  severity?: string;
  /** In a report. */
  range?: string;
  /** In the bulk answer. */
  vulnerable_versions?: string;
  cvss?: { score?: number };
}

const severities: Readonly<Record<string, Severity>> = {
  info: "none",
  low: "low",
  moderate: "medium",
  high: "high",
  critical: "critical",
};

/** Throws `SBOM_LIST`. */
export async function readAdvisories(path: string, parts: readonly Part[]): Promise<Verdict[]> {
  const advisories = await readLists(path);
  return parts
    .filter(({ ecosystem }) => ecosystem === "npm")
    .flatMap((part) =>
      (advisories.get(part.name) ?? [])
        .map((advisory) => judge(advisory, part))
        .filter((one) => one !== undefined),
    );
}

async function readLists(path: string): Promise<Map<string, Advisory[]>> {
  const list = await readJson(path);
  const { auditReportVersion: version, vulnerabilities } = list;
  if (version !== undefined && version !== 2) throw unfit(path, `it is a report of version ${version}`);
  const entries = Object.entries(version === 2 ? ((vulnerabilities ?? {}) as object) : list);
  return new Map(
    entries.map(([name, value]) => {
      const advisories: unknown = version === 2 ? (value as { via?: unknown })?.via : value;
      if (!Array.isArray(advisories)) throw unfit(path, `there is no list at ${name}`);
      return [name, advisories.filter((one) => typeof one === "object" && one !== null) as Advisory[]];
    }),
  );
}

/** One JSON object. Throws `SBOM_LIST`. */
export async function readJson(path: string): Promise<Record<string, unknown>> {
  try {
    const list: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof list === "object" && list !== null && !Array.isArray(list))
      return list as Record<string, unknown>;
  } catch (cause) {
    throw new UmecError("SBOM_LIST", `${path}: ${messageOf(cause)}`, { cause });
  }
  throw new UmecError("SBOM_LIST", `${path} is no JSON object`);
}

function judge(advisory: Advisory, part: Part): Verdict | undefined {
  const text = advisory.range ?? advisory.vulnerable_versions ?? "*";
  const version = parseSemver(part.version);
  const range = parseRange(text);
  const bounds = version && range && within(version, range);
  if (version && range && !bounds) return undefined;
  const below = bounds?.find(({ op }) => op === "<");
  const fix: Fix = below ? { state: "available", version: formatSemver(below.version) } : { state: "none" };
  const { url = "", title = "", severity = "", cvss } = advisory;
  const id = /GHSA(?:-[0-9a-z]{4}){3}/.exec(url)?.[0] ?? `npm-${advisory.source ?? advisory.id ?? "?"}`;
  const byScore = cvss?.score ? severityOfScore(cvss.score) : "unknown";
  return { id, part, state: "open", severity: severities[severity] ?? byScore, title, fix };
}

function unfit(path: string, problem: string): UmecError {
  const hint = "--npm takes what `npm audit --json` writes, or the registry's bulk answer";
  return new UmecError("SBOM_LIST", `${path} is no list of npm's advisories: ${problem}`, { hint });
}
