import { Problem } from "./problem.ts";

/**
 * Of the media types that can be made the one that the client likes best (RFC 9110 section 12.5.1); the first when it
 * does not say.
 *
 * @param types without parameters, the preferred one first
 * @throws Problem 406
 */
export function preferredType(headers: Headers, types: readonly string[]): string {
  const accept = headers.get("accept");
  if (accept === null || accept.trim() === "") return types[0]!;
  const ranges = accept.split(",").map(parseRange);
  let best: { type: string; weight: number } | undefined;
  for (const type of types) {
    const weight = weightOf(type, ranges);
    if (weight > (best?.weight ?? 0)) best = { type, weight };
  }
  if (best) return best.type;
  throw new Problem(406, "API_NOT_ACCEPTABLE", `nothing fits accept: ${accept.slice(0, 200)}`, {
    hint: `there is ${types.join(", ")}`,
  });
}

interface Range {
  range: string;
  weight: number;
}

function parseRange(text: string): Range {
  const [range = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  return { range, weight: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
}

/** The most specific range decides. */
function weightOf(type: string, ranges: readonly Range[]): number {
  for (const wanted of [type, `${type.split("/")[0]}/*`, "*/*"]) {
    const found = ranges.find(({ range }) => range === wanted);
    if (found) return found.weight;
  }
  return 0;
}
