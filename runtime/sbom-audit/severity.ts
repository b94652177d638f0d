import { type Level, levels, type Severity } from "./types.ts";

/** How bad it has to be taken: what nobody has judged yet may be `high`. */
export function levelOf(severity: Severity): Level {
  return severity === "unknown" ? "high" : severity;
}

/** Whether it is as bad as `level` or worse. */
export function isAtLeast(severity: Severity, level: Level): boolean {
  return levels.indexOf(levelOf(severity)) >= levels.indexOf(level);
}

/** The worst first; what is unknown behind what is known to be as bad. */
export function bySeverity(a: Severity, b: Severity): number {
  const order = levels.indexOf(levelOf(b)) - levels.indexOf(levelOf(a));
  return order || Number(a === "unknown") - Number(b === "unknown");
}

/** By the qualitative scale of CVSS 3.1, section 5. */
export function severityOfScore(score: number): Severity {
  if (score >= 9) return "critical";
  if (score >= 7) return "high";
  if (score >= 4) return "medium";
  return score > 0 ? "low" : "none";
}
