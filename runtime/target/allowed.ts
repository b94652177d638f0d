import { fromPointer, isRecord, own } from "./json.ts";

/** What the part of a schema behind `pointer` (RFC 6901, of the value) allows, in words; `undefined` when it says little. */
export function allowed(schema: unknown, pointer: string): string | undefined {
  const part = partOf(schema, pointer);
  if (!isRecord(part)) return undefined;
  if (Array.isArray(part.enum)) return `allowed: ${part.enum.map(shown).join(", ")}`;
  if ("const" in part) return `allowed: ${shown(part.const)}`;
  const choices = part.anyOf ?? part.oneOf;
  if (Array.isArray(choices) && choices.every((choice) => isRecord(choice) && "const" in choice))
    return `allowed: ${choices.map((choice) => shown(choice.const)).join(", ")}`;
  if (part.type === "boolean") return "allowed: true, false";
  return rangeOf(part);
}

function rangeOf(part: Record<string, unknown>): string | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, type } = part;
  const what = type === "integer" ? "a whole number" : "a number";
  const low = minimum !== undefined ? `from ${minimum}` : undefined;
  const high = maximum !== undefined ? `to ${maximum}` : undefined;
  const above = exclusiveMinimum !== undefined ? `above ${exclusiveMinimum}` : undefined;
  const below = exclusiveMaximum !== undefined ? `below ${exclusiveMaximum}` : undefined;
  const step = multipleOf !== undefined ? `in steps of ${multipleOf}` : undefined;
  const limits = [low, above, high, below, step].filter((text) => text !== undefined);
  if (limits.length > 0) return `allowed: ${what} ${limits.join(" ")}`;
  const { minLength = 0, maxLength } = part;
  return maxLength === undefined ? undefined : `allowed: a text of ${minLength} to ${maxLength} characters`;
}

function partOf(schema: unknown, pointer: string): unknown {
  let part = schema;
  for (const key of fromPointer(pointer)) {
    if (!isRecord(part)) return undefined;
    const properties = isRecord(part.properties) ? part.properties : {};
    part = own(properties, key) ?? part.items ?? part.additionalProperties;
  }
  return part;
}

function shown(value: unknown): string {
  return JSON.stringify(value);
}
