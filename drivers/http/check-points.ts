import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import type { PointOptions } from "./options.ts";

/** What the schema can't say about the points of a mapping. */
export function checkPoints(
  points: Readonly<Record<string, PointOptions>>,
  pointer: string,
): OptionFinding[] {
  return Object.entries(points).flatMap(([name, { type, scale, offset }]) => {
    const at = `${pointer}/${name.replaceAll("/", "~1")}`;
    const used = [...(scale === 1 ? [] : ["scale"]), ...(offset === 0 ? [] : ["offset"])];
    if (type === "number") return [];
    return used.map((key) => ({ pointer: `${at}/${key}`, reason: `has no meaning for a ${type}` }));
  });
}
