import type { OptionFinding } from "../../runtime/plugin/sdk.ts";

/** A finding for each name that differs from an earlier one in case only; `pointer` is the mapping's. */
export function caseTwins(names: readonly string[], pointer: string): OptionFinding[] {
  const findings: OptionFinding[] = [];
  const seen = new Map<string, string>();
  for (const name of names) {
    const twin = seen.get(name.toLowerCase());
    if (twin === undefined) seen.set(name.toLowerCase(), name);
    else findings.push({ pointer: `${pointer}/${name}`, reason: `${name} and ${twin} differ in case only` });
  }
  return findings;
}
