/** Attribute selectors: the query parameter `fields` (ETSI GS MEC 009 V3.3.1 section 6.18). */
import { badRequest } from "../http/problem.ts";

export interface Selectable {
  /** All there are on the first level. */
  attributes: readonly string[];
  /** Those that are always told. */
  always: readonly string[];
  /** Other words for some. */
  aliases?: Readonly<Record<string, string>>;
}

/**
 * What is left of a resource when only `fields` are wanted; all of it when they are `undefined`. `a/b` is the part `b`
 * of `a`, in each member where `a` is an array.
 *
 * @throws Problem 400 for an attribute that does not exist
 */
export function createSelector(
  fields: readonly string[] | undefined,
  { attributes, always, aliases = {} }: Selectable,
): (info: object) => object {
  if (fields === undefined) return (info) => info;
  const paths = fields.map((field) => {
    const [name = "", ...rest] = field.split("/");
    const known = aliases[name] ?? name;
    if (attributes.includes(known)) return [known, ...rest];
    throw badRequest(
      `fields: there is no attribute ${JSON.stringify(name.slice(0, 80))}`,
      `there is ${attributes.join(", ")}`,
    );
  });
  const wanted = [...always.map((name) => [name]), ...paths];
  return (info) => select(info, wanted) as object;
}

function select(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (Array.isArray(value)) return value.map((each) => select(each, paths));
  if (typeof value !== "object" || value === null) return value;
  const selected: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    const rests = paths.filter((path) => path[0] === name).map((path) => path.slice(1));
    if (rests.length === 0) continue;
    selected[name] = rests.some((rest) => rest.length === 0) ? part : select(part, rests);
  }
  return selected;
}
