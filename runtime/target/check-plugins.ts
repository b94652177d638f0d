/**
 * The plugins' drivers and options: by the schema in the driver's manifest, then by the manifest's own check.
 * A driver with a broken manifest is a finding too; it can't keep the rest from being checked.
 */
import { messageOf } from "../errors.ts";
import type { Driver, Point } from "../plugin/contract.ts";
import { checkPoints, listedPoints } from "./check-points.ts";
import { checkSafe } from "./check-safe.ts";
import { fillDefaults } from "./defaults.ts";
import { findProblems } from "./find-problems.ts";
import type { Problem } from "./finding.ts";
import { isRecord, toPointer } from "./json.ts";
import { nearest } from "./nearest.ts";
import type { DriverSource } from "./types.ts";
import { missingKey } from "./wording.ts";

export interface CheckedPlugins {
  problems: Problem[];
  /** Options with defaults, of the plugins that have no problem. */
  options: Map<string, Record<string, unknown>>;
  /** What these plugins offer. */
  points: Map<string, readonly Point[]>;
}

/** `plugins` is as in the file, and may be of any shape. */
export async function checkPlugins(plugins: unknown, drivers: DriverSource): Promise<CheckedPlugins> {
  const checked: CheckedPlugins = { problems: [], options: new Map(), points: new Map() };
  const loaded = new Map<string, Promise<Loaded>>();
  for (const [name, plugin] of Object.entries(isRecord(plugins) ? plugins : {})) {
    if (!isRecord(plugin)) continue;
    const pointer = toPointer("plugins", name);
    checked.problems.push(...processProblems(plugin, pointer));
    if (Object.hasOwn(plugin, "exec") && isRecord(plugin.points)) {
      const points = listedPoints(plugin.points);
      checked.points.set(name, points);
      checked.problems.push(...(await checkPoints(plugin.points, `${pointer}/points`)));
      checked.problems.push(...(await checkSafe(plugin.safe, points, `${pointer}/safe`)));
    }
    if (typeof plugin.driver !== "string" || plugin.driver === "") continue;
    if (!drivers.names().includes(plugin.driver)) {
      checked.problems.push(unknownDriver(`${pointer}/driver`, plugin.driver, drivers.names()));
      continue;
    }
    const given = Object.hasOwn(plugin, "options") ? plugin.options : {};
    if (!isRecord(given)) continue;
    if (!loaded.has(plugin.driver)) loaded.set(plugin.driver, load(plugin.driver, drivers));
    const driver = await loaded.get(plugin.driver)!;
    if ("fault" in driver) {
      checked.problems.push({ pointer: `${pointer}/driver`, reason: driver.fault });
      continue;
    }
    const options = fillDefaults(driver.manifest.options, given);
    const problems = await optionProblems(driver, options);
    if (problems.length === 0) {
      checked.options.set(name, options as Record<string, unknown>);
      const points = pointsOf(driver, options);
      if (Array.isArray(points)) {
        checked.points.set(name, points);
        checked.problems.push(...(await checkSafe(plugin.safe, points, `${pointer}/safe`)));
      } else checked.problems.push({ ...points, pointer: `${pointer}/options` });
    }
    for (const problem of problems)
      checked.problems.push({ ...problem, pointer: `${pointer}/options${problem.pointer}` });
  }
  return checked;
}

/** A plugin is a driver or a program, and only what is a process can be limited as one. */
function processProblems(plugin: Record<string, unknown>, pointer: string): Problem[] {
  const has = (key: string): boolean => Object.hasOwn(plugin, key);
  const wrong = (key: string, reason: string, hint?: string): Problem => ({
    pointer: `${pointer}/${key}`,
    at: "key",
    reason,
    hint,
  });
  const problems: Problem[] = [];
  if (!has("driver") && !has("exec"))
    problems.push(missingKey(pointer, "driver", { hint: "The driver that this plugin runs." }));
  if (has("exec")) {
    const hint = "a program of your own is given by exec alone";
    if (has("driver")) problems.push(wrong("exec", "a plugin has a driver or a program, not both", hint));
    if (has("isolate")) problems.push(wrong("isolate", "is for a plugin with a driver"));
    if (has("safe") && !has("points"))
      problems.push(wrong("safe", "is for points that are known", "list the program's points"));
    if (isRecord(plugin.options) && Object.keys(plugin.options).length > 0)
      problems.push(wrong("options", "are for a plugin with a driver", "give arguments in exec"));
  } else if (has("points")) {
    problems.push(wrong("points", "are for a program", "a driver lists its own"));
  }
  if (!has("exec") && !has("isolate")) {
    for (const key of ["memoryBytes", "cpuPercent", "devices", "deadlineMs"])
      if (has(key)) problems.push(wrong(key, "is for a process of its own", "add isolate: process"));
  }
  return problems;
}

type Loaded = Pick<Driver, "manifest"> | { fault: string };

async function load(name: string, drivers: DriverSource): Promise<Loaded> {
  try {
    return await drivers.load(name);
  } catch (error) {
    return { fault: `the driver can't be loaded: ${messageOf(error)}` };
  }
}

async function optionProblems({ manifest }: Pick<Driver, "manifest">, options: unknown): Promise<Problem[]> {
  try {
    const problems = await findProblems(manifest.options, options);
    if (problems.length > 0) return problems;
    return (manifest.check?.(options as never) ?? []).map(({ pointer, reason, hint }) => ({
      pointer,
      reason,
      hint,
    }));
  } catch (error) {
    return [{ pointer: "", reason: `the driver ${manifest.name} failed to check them: ${messageOf(error)}` }];
  }
}

function pointsOf({ manifest }: Pick<Driver, "manifest">, options: unknown): Point[] | Problem {
  try {
    return manifest.points(options as never);
  } catch (error) {
    const reason = `the driver ${manifest.name} failed to list its points: ${messageOf(error)}`;
    return { pointer: "", reason };
  }
}

function unknownDriver(pointer: string, given: string, known: readonly string[]): Problem {
  const list = known.length === 0 ? "none is known" : `known: ${known.toSorted().join(", ")}`;
  const near = nearest(given, known);
  return {
    pointer,
    reason: "unknown driver",
    hint: near === undefined ? list : `did you mean ${near}? (${list})`,
  };
}
