/** The safe values of one plugin: points that can be written, and values that they can have. */
import { messageOf } from "../errors.ts";
import type { Point } from "../plugin/contract.ts";
import { allowed } from "./allowed.ts";
import { findProblems } from "./find-problems.ts";
import type { Problem } from "./finding.ts";
import { isRecord, toPointer } from "./json.ts";
import { nearest } from "./nearest.ts";

/** So that the event `<point>/dead-man` is a name, too. */
const longestPoint = 190;

/** `safe` is as in the file, and may be of any shape; `pointer` is where it is. */
export async function checkSafe(
  safe: unknown,
  points: readonly Point[],
  pointer: string,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const [name, entry] of Object.entries(isRecord(safe) ? safe : {}))
    problems.push(...(await checkPoint(name, entry, points, pointer + toPointer(name))));
  return problems;
}

async function checkPoint(
  name: string,
  entry: unknown,
  points: readonly Point[],
  pointer: string,
): Promise<Problem[]> {
  const found = points.filter((point) => point.name === name);
  const writable = points.filter(({ access = "read" }) => access !== "read");
  const names = writable.map((point) => point.name);
  if (found.length === 0 || name.length > longestPoint) {
    const near = nearest(name, names);
    const known = names.length === 0 ? "this plugin takes no commands" : `to be written: ${names.join(", ")}`;
    const hint = near === undefined ? known : `did you mean ${near}?`;
    return [{ pointer, at: "key", reason: "the plugin has no such point", hint }];
  }
  const point = found.find((one) => writable.includes(one));
  if (!point) return [{ pointer, at: "key", reason: "this point can only be read" }];
  if (!point.schema || !isRecord(entry) || !("value" in entry)) return [];
  try {
    return (await findProblems(point.schema, entry.value)).map((problem) => ({
      ...problem,
      pointer: `${pointer}/value${problem.pointer}`,
      hint: problem.hint ?? allowed(point.schema, problem.pointer),
    }));
  } catch (error) {
    return [{ pointer, reason: `the driver's schema of this point can't be used: ${messageOf(error)}` }];
  }
}
