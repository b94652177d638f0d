/**
 * What need not be mended, with the reason and the day on which somebody has to look again: a YAML file, kept beside the
 * source. Its words are those of VEX (OpenVEX 0.2: `vulnerability`, `status`, `justification`):
 *
 *     - vulnerability: CVE-2026-1234
 *       package: busybox             # the source package, or npm's; left out: in whatever it is
 *       status: not_affected         # or `accepted`: it is there, and we live with it
 *       justification: vulnerable_code_not_present   # for not_affected, may be left out
 *       reason: the applet `wget` is not among those that the image has
 *       until: 2027-03-01
 *
 * `reason` and `until` are asked for: what is ignored for ever is forgotten. From the day `until` on it counts again.
 */
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { messageOf, UmecError } from "../errors.ts";
import type { Finding, Verdict } from "./types.ts";

export interface IgnoreEntry {
  readonly vulnerability: string;
  readonly package?: string;
  readonly status: "not_affected" | "accepted";
  readonly justification?: string;
  readonly reason: string;
  /** The first day on which it does not hold any more, `YYYY-MM-DD` in UTC. */
  readonly until: string;
}

/** OpenVEX 0.2, "Status Justifications". */
const justifications = [
  "component_not_present",
  "vulnerable_code_not_present",
  "vulnerable_code_not_in_execute_path",
  "vulnerable_code_cannot_be_controlled_by_adversary",
  "inline_mitigations_already_exist",
];
const keys = ["vulnerability", "package", "status", "justification", "reason", "until"];

/** Throws `SBOM_IGNORE` with the entry that is wrong. */
export async function readIgnoreFile(path: string): Promise<IgnoreEntry[]> {
  let list: unknown;
  try {
    list = parse(await readFile(path, "utf8")) ?? [];
  } catch (cause) {
    throw new UmecError("SBOM_IGNORE", `${path}: ${messageOf(cause)}`, { cause });
  }
  if (!Array.isArray(list)) throw unfit(path, "it is no list");
  return list.map((entry, index) => {
    const problem = problemOf(entry);
    if (problem) throw unfit(path, `entry ${index + 1}: ${problem}`);
    return entry as IgnoreEntry;
  });
}

function problemOf(entry: unknown): string | undefined {
  if (typeof entry !== "object" || entry === null) return "it is no mapping";
  const { vulnerability, status, justification, reason, until } = entry as Record<string, unknown>;
  const strange = Object.keys(entry).find((key) => !keys.includes(key));
  if (strange !== undefined) return `${strange} is no key: ${keys.join(", ")} are`;
  const name = (entry as Record<string, unknown>).package;
  if (typeof vulnerability !== "string" || !/^[\w-]+$/.test(vulnerability))
    return "vulnerability: a CVE or GHSA is needed";
  if (name !== undefined && typeof name !== "string") return "package: the name of one is needed";
  if (status !== "not_affected" && status !== "accepted") return "status: not_affected or accepted is needed";
  if (justification !== undefined && !justifications.includes(String(justification)))
    return `justification: one of ${justifications.join(", ")} is needed`;
  if (typeof reason !== "string" || reason.trim() === "") return "reason: say why it may be ignored";
  if (typeof until !== "string" || !isDay(until)) return "until: a day is needed, as 2027-03-01";
  return undefined;
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const day = new Date(text);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

/** @returns what is found, and the entries that are for nothing that was */
export function ignore(
  verdicts: readonly Verdict[],
  entries: readonly IgnoreEntry[],
  now: Date,
): { findings: Finding[]; idle: IgnoreEntry[] } {
  const today = now.toISOString().slice(0, 10);
  const used = new Set<IgnoreEntry>();
  const findings = verdicts.map((verdict): Finding => {
    const fits = entries.filter((entry) => isFor(entry, verdict));
    for (const entry of fits) used.add(entry);
    const holds = fits.find(({ until }) => today < until);
    if (holds) return { ...verdict, ignored: { reason: holds.reason, until: holds.until } };
    const last = fits
      .map(({ until }) => until)
      .toSorted()
      .at(-1);
    return last === undefined ? verdict : { ...verdict, expired: last };
  });
  return { findings, idle: entries.filter((entry) => !used.has(entry)) };
}

function isFor(entry: IgnoreEntry, { id, part }: Verdict): boolean {
  return entry.vulnerability === id && (entry.package === undefined || entry.package === part.name);
}

function unfit(path: string, problem: string): UmecError {
  const hint = "docs/security-updates.md shows an entry";
  return new UmecError("SBOM_IGNORE", `${path}: ${problem}`, { hint });
}
