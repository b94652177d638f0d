import type { Sample } from "../../runtime/plugin/sdk.ts";
import type { Group } from "./map-fields.ts";
import type { PointOptions } from "./options.ts";

/** A sample without a value for each point of the request `name`: of `known` those whose names came with an answer. */
export function badSamples(
  name: string,
  points: Readonly<Record<string, PointOptions>>,
  known: readonly Group[],
  reason: string,
): Sample[] {
  const units = new Map<string, string | undefined>(
    Object.entries(points).map(([point, { unit }]) => [`${name}/${point}`, unit]),
  );
  for (const { samples } of known) for (const sample of samples) units.set(sample.name, sample.unit);
  return [...units].map(([point, unit]) => ({
    name: point,
    value: null,
    quality: "bad",
    reason,
    ...(unit !== undefined && { unit }),
  }));
}
