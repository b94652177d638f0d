/**
 * The judge of target files.
 *
 * It finds every fault of a file, not only the first, each with its line and column, in words for people: the
 * syntax, then the schema, then each plugin's options by its driver, then the files that are named. Only a file
 * without errors gives a target. The rule for callers: an invalid new state never stops the old one; go on with
 * the target that runs, and show the findings.
 */
import { checkAlarms } from "./check-alarms.ts";
import { checkApps } from "./check-apps.ts";
import { checkLink } from "./check-link.ts";
import { checkPlugins } from "./check-plugins.ts";
import { checkUsers } from "./check-users.ts";
import { fillDefaults } from "./defaults.ts";
import { readDocument } from "./document.ts";
import { findProblems } from "./find-problems.ts";
import type { Finding, Problem } from "./finding.ts";
import { isRecord } from "./json.ts";
import { readSizes, resolveTarget } from "./resolve.ts";
import { type TargetFile, targetSchema } from "./schema.ts";
import type { DriverSource, Target } from "./types.ts";

export interface CheckOptions {
  /** Of the file that `text` came from: relative paths in it start there, and findings name it. */
  path: string;
  drivers: DriverSource;
}

export interface Checked {
  /** Present exactly when no finding is an error. */
  target?: Target;
  /** By line and column. */
  findings: Finding[];
}

/** Checks a `node.yaml` (YAML 1.2 or JSON) and resolves it. Never throws for what the text says. */
export async function checkTarget(text: string, { path, drivers }: CheckOptions): Promise<Checked> {
  const document = readDocument(text);
  const findings = document.problems.map((problem) =>
    findingOf(problem, { ...problem, file: path, value: "" }),
  );
  if (document.value === undefined && findings.length > 0) return { findings: sorted(findings) };

  const problems: Problem[] = [];
  const options = new Map<string, Record<string, unknown>>();
  const file = fillDefaults(targetSchema, readSizes(document.value));
  if (isRecord(file)) {
    problems.push(...(await findProblems(targetSchema, file)));
    const plugins = await checkPlugins(file.plugins, drivers);
    problems.push(...plugins.problems, ...checkAlarms(file.alarms, file.plugins, plugins.points));
    problems.push(...(await checkLink(file.link, path, file.data)));
    problems.push(...checkUsers(file.users, file.plugins));
    problems.push(...(await checkApps(file, path)));
    for (const [name, value] of plugins.options) options.set(name, value);
  } else {
    problems.push({
      pointer: "",
      reason: text.trim() === "" ? "the file is empty" : "must be a mapping",
      hint: "it needs at least the line: node: my-node",
    });
  }
  for (const problem of problems) {
    const { value, ...place } = document.locate(problem.pointer, problem.at ?? "value");
    findings.push(findingOf(problem, { ...place, file: path, value: problem.at === "key" ? "" : value }));
  }
  if (findings.some(({ severity }) => severity === "error")) return { findings: sorted(findings) };
  return { target: resolveTarget(file as TargetFile, path, options), findings: sorted(findings) };
}

function findingOf(problem: Problem, place: Pick<Finding, "file" | "line" | "column" | "value">): Finding {
  const { pointer, reason, hint, severity = "error" } = problem;
  const { file, line, column, value } = place;
  return { file, line, column, pointer, value, reason, ...(hint !== undefined && { hint }), severity };
}

function sorted(findings: Finding[]): Finding[] {
  return findings.sort((a, b) => a.line - b.line || a.column - b.column);
}
