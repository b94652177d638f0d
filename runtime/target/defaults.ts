import { isRecord, own } from "./json.ts";
import { chooseBranch } from "./union.ts";

/**
 * `value` with the `default`s of a JSON Schema filled in, at any depth, also in list items and in the branch of
 * a union that is certain (validators leave those out). `value` itself is not changed. Not looked into: `$ref`
 * and `if`.
 */
export function fillDefaults(schema: unknown, value: unknown): unknown {
  if (!isRecord(schema)) return value;
  let filled = value === undefined && "default" in schema ? structuredClone(schema.default) : value;
  if (Array.isArray(filled) && isRecord(schema.items))
    filled = filled.map((item) => fillDefaults(schema.items, item));
  if (isRecord(filled)) filled = fillProperties(schema, filled);
  for (const part of Array.isArray(schema.allOf) ? schema.allOf : []) filled = fillDefaults(part, filled);
  for (const branches of [schema.anyOf, schema.oneOf]) {
    if (!Array.isArray(branches) || filled === undefined) continue;
    const choice = chooseBranch(branches, filled);
    if (choice.kind === "branch" && choice.certain) filled = fillDefaults(branches[choice.index], filled);
  }
  return filled;
}

function fillProperties(schema: Record<string, unknown>, value: Record<string, unknown>) {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const patterns = Object.entries(isRecord(schema.patternProperties) ? schema.patternProperties : {});
  const filled = { ...value };
  const fill = (key: string, part: unknown) => {
    const item = fillDefaults(part, own(filled, key));
    if (item !== undefined) Object.defineProperty(filled, key, { ...plain, value: item });
  };
  for (const [key, part] of Object.entries(properties)) fill(key, part);
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(properties, key)) continue;
    const matching = patterns.filter(([pattern]) => new RegExp(pattern, "u").test(key));
    for (const [, part] of matching) fill(key, part);
    if (matching.length === 0) fill(key, schema.additionalProperties);
  }
  return filled;
}

/** What an assignment gives, also for a key called `__proto__`. */
const plain = { writable: true, enumerable: true, configurable: true };
