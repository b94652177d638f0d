/**
 * Whether all subjects that fit `subject` fit one of `patterns` (NATS: `*` is one token, `>` one or more at the end).
 */
export function isCovered(subject: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => covers(pattern.split("."), subject.split(".")));
}

function covers(pattern: readonly string[], subject: readonly string[]): boolean {
  for (const [at, token] of pattern.entries()) {
    const given = subject[at];
    if (given === undefined) return false;
    if (token === ">") return true;
    if (given === ">" || (token !== "*" && token !== given)) return false;
  }
  return pattern.length === subject.length;
}
