import { UmecError } from "../errors.ts";
import type { Checked } from "../target/check.ts";
import { type Finding, formatFinding } from "../target/finding.ts";

export const defaultTargetPath = "node.yaml";

/**
 * Reads and checks the target file at `path`.
 *
 * @throws UmecError `TARGET_MISSING`, `TARGET_UNREADABLE`
 */
export async function checkFile(path: string): Promise<Checked> {
  const [{ checkTarget }, { drivers }] = await Promise.all([
    import("../target/check.ts"),
    import("../drivers.ts"),
  ]);
  return checkTarget(await readText(path), { path, drivers });
}

/** @throws UmecError `TARGET_MISSING`, `TARGET_UNREADABLE` */
export async function readText(path: string): Promise<string> {
  const { readTarget } = await import("../target/watch.ts");
  const text = await readTarget(path);
  if (typeof text === "string") return text;
  if (text.code !== "TARGET_MISSING") throw text;
  throw new UmecError("TARGET_MISSING", text.message, {
    hint: "name the node's target file, or write one: its smallest form is the line `node: my-node`",
  });
}

/** A line for each finding, with its hint below. */
export function formatFindings(findings: readonly Finding[]): string {
  return findings.map((finding) => `${formatFinding(finding)}\n`).join("");
}

export function countFindings(findings: readonly Finding[]): { errors: number; warnings: number } {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  return { errors, warnings: findings.length - errors };
}
