/** Alarms: one condition each, of a point that a plugin of this node offers. */
import { alarmsPlugin } from "../alarms/types.ts";
import type { Point } from "../plugin/contract.ts";
import type { Problem } from "./finding.ts";
import { isRecord, toPointer } from "./json.ts";
import { nearest } from "./nearest.ts";

const conditions = ["above", "below", "equals", "quality"];

/**
 * `alarms` and `plugins` are as in the file, and may be of any shape.
 *
 * @param points of the plugins whose options are valid. A point that is not among them is only doubtful: some drivers
 *   learn from the device what it has.
 */
export function checkAlarms(
  alarms: unknown,
  plugins: unknown,
  points: ReadonlyMap<string, readonly Point[]>,
): Problem[] {
  const problems: Problem[] = [];
  const names = isRecord(plugins) ? Object.keys(plugins) : [];
  if (names.includes(alarmsPlugin)) {
    const reason = "this name is the node's own";
    problems.push({
      pointer: toPointer("plugins", alarmsPlugin),
      at: "key",
      reason,
      hint: "call it otherwise",
    });
  }
  for (const [name, alarm] of Object.entries(isRecord(alarms) ? alarms : {})) {
    if (!isRecord(alarm)) continue;
    const pointer = toPointer("alarms", name);
    problems.push(...checkCondition(alarm, pointer));
    if (typeof alarm.point === "string") problems.push(...checkPoint(alarm.point, pointer, names, points));
  }
  return problems;
}

function checkCondition(alarm: Record<string, unknown>, pointer: string): Problem[] {
  const given = conditions.filter((key) => key in alarm);
  if (given.length === 0) {
    const reason = "it has no condition";
    return [{ pointer, at: "key", reason, hint: `give it one of ${conditions.join(", ")}` }];
  }
  if (given.length > 1) {
    const hint = "make an alarm of each";
    return [{ pointer, at: "key", reason: `it has ${given.length} conditions: ${given.join(", ")}`, hint }];
  }
  const isLimit = given[0] === "above" || given[0] === "below";
  if (isLimit || alarm.hysteresis === 0 || alarm.hysteresis === undefined) return [];
  const reason = `${given[0]} has no hysteresis`;
  return [{ pointer: `${pointer}/hysteresis`, reason, hint: "use holdMs and clearHoldMs" }];
}

function checkPoint(
  path: string,
  alarm: string,
  plugins: readonly string[],
  points: ReadonlyMap<string, readonly Point[]>,
): Problem[] {
  const pointer = `${alarm}/point`;
  const slash = path.indexOf("/");
  if (slash < 0) return [];
  const plugin = path.slice(0, slash);
  if (!plugins.includes(plugin)) {
    const near = nearest(plugin, plugins);
    const known = plugins.length === 0 ? "there are no plugins" : `plugins: ${plugins.join(", ")}`;
    const hint = near === undefined ? known : `did you mean ${near}?`;
    return [{ pointer, reason: `there is no plugin ${plugin}`, hint }];
  }
  const known = points.get(plugin)?.map(({ name }) => name);
  const point = path.slice(slash + 1);
  if (!known || known.includes(point)) return [];
  const near = nearest(point, known);
  const hint =
    near === undefined ? "see `umec status` for the points that it samples" : `did you mean ${near}?`;
  const reason = `the driver of ${plugin} does not list the point ${point}: the alarm may never be raised`;
  return [{ pointer, reason, hint, severity: "warning" }];
}
