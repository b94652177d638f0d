/** Ranges of versions: comparators that must all hold, such as `>=0.1.0 <1.0.0-0`. */
import { compareSemver, isSemver } from "../semver.ts";

const comparator = /^(>=|<=|>|<|=)(.+)$/;

export function isRange(text: unknown): text is string {
  if (typeof text !== "string" || text === "") return false;
  return text.split(" ").every((part) => isSemver(comparator.exec(part)?.[2] ?? ""));
}

/** Whether `version` lies in `range`; what is no version lies in none. */
export function satisfies(version: string, range: string): boolean {
  return range.split(" ").every((part) => {
    const [, operator, bound = ""] = comparator.exec(part) ?? [];
    const order = compareSemver(version, bound);
    if (order === undefined) return false;
    if (operator === ">=") return order >= 0;
    if (operator === "<=") return order <= 0;
    if (operator === ">") return order > 0;
    if (operator === "<") return order < 0;
    return order === 0;
  });
}
