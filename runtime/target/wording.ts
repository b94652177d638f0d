/** The words for each keyword of JSON Schema, as {@link explain} uses them. */
import type { ErrorObject } from "ajv";
import type { Problem } from "./finding.ts";
import { isRecord, own, toPointer } from "./json.ts";
import { nearest } from "./nearest.ts";

type Words = { reason: string; hint?: string | undefined };

export const keywordReasons: Readonly<Record<string, (error: ErrorObject) => Words>> = {
  type: (error) => {
    const types = [error.params.type as string | string[]].flat();
    const title = error.parentSchema?.title;
    const meaning = typeof title === "string" ? ` (${title})` : "";
    return { reason: `must be ${anyType(types)}${meaning}`, hint: typeHint(types, error.data) };
  },
  enum: (error) => oneOfValues(error.params.allowedValues as unknown[], error.data),
  const: (error) => ({ reason: `must be ${shown(error.params.allowedValue)}` }),
  minimum: limit,
  maximum: limit,
  exclusiveMinimum: limit,
  exclusiveMaximum: limit,
  multipleOf: (error) => ({ reason: `must be a multiple of ${error.params.multipleOf}${detail(error)}` }),
  pattern: (error) => {
    const said = error.parentSchema?.patternErrorMessage;
    return {
      reason: typeof said === "string" ? said : `must match ${error.params.pattern}${detail(error)}`,
    };
  },
  format: (error) => ({ reason: `must be a valid ${error.params.format}${detail(error)}` }),
  minLength: (error) => ({
    reason:
      error.params.limit === 1
        ? "must not be empty"
        : `must have at least ${error.params.limit} characters${detail(error)}`,
  }),
  maxLength: (error) => ({ reason: `must have at most ${error.params.limit} characters${detail(error)}` }),
  minItems: (error) => ({ reason: `must have at least ${count(error, "item")}${detail(error)}` }),
  maxItems: (error) => ({ reason: `must have at most ${count(error, "item")}${detail(error)}` }),
  minProperties: (error) => ({ reason: `must have at least ${count(error, "key")}${detail(error)}` }),
  maxProperties: (error) => ({ reason: `must have at most ${count(error, "key")}${detail(error)}` }),
  uniqueItems: (error) => ({
    reason: `items ${Number(error.params.j) + 1} and ${Number(error.params.i) + 1} are the same`,
    hint: "keep one of them",
  }),
  not: (error) => ({ reason: `is not allowed here${detail(error)}` }),
  "false schema": () => ({ reason: "is not allowed here" }),
};

function limit(error: ErrorObject): Words {
  return { reason: `must be ${error.params.comparison} ${error.params.limit}${detail(error)}` };
}

function count(error: ErrorObject, what: string): string {
  return error.params.limit === 1 ? `1 ${what}` : `${error.params.limit} ${what}s`;
}

export function oneOfValues(values: readonly unknown[], given: unknown): Words {
  const list = values.map(shown).join(", ");
  const near = typeof given === "string" ? nearest(given, values.map(String)) : undefined;
  return {
    reason: values.length === 1 ? `must be ${list}` : `must be one of ${list}`,
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  };
}

export function missingKey(
  pointer: string,
  key: string,
  { error, hint }: { error?: ErrorObject; hint?: string },
): Problem {
  const schema = isRecord(error?.parentSchema?.properties)
    ? own(error.parentSchema.properties, key)
    : undefined;
  const said = isRecord(schema) && typeof schema.description === "string" ? schema.description : undefined;
  const because = error?.keyword === "dependentRequired" ? `, which ${error.params.property} needs` : "";
  return { pointer, at: "key", reason: `the key ${key} is missing${because}`, hint: hint ?? said };
}

export function unknownKey(error: ErrorObject, key: string): Problem {
  const known = isRecord(error.parentSchema?.properties) ? Object.keys(error.parentSchema.properties) : [];
  const near = nearest(key, known);
  let hint: string | undefined;
  if (near !== undefined) hint = `did you mean ${near}?`;
  else if (known.length > 0) hint = `known keys: ${known.join(", ")}`;
  return { pointer: error.instancePath + toPointer(key), at: "key", reason: "unknown key", hint };
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  object: "a mapping",
  array: "a list",
  null: "empty",
};

export function anyType(types: readonly string[]): string {
  return types.map((type) => typeNames[type] ?? type).join(" or ");
}

export function typeHint(types: readonly string[], given: unknown): string | undefined {
  if (given === null) return "the key has no value: give one or remove the key";
  if (types.includes("boolean") && typeof given === "string") {
    const said = /^(yes|on|y|true)$/i.test(given) ? "true" : "false";
    return /^(yes|no|on|off|y|n|true|false)$/i.test(given) ? `write ${said}` : undefined;
  }
  if ((types.includes("integer") || types.includes("number")) && typeof given === "string")
    return given.trim() !== "" && Number.isFinite(Number(given)) ? "remove the quotes" : undefined;
  if (types.includes("string") && (typeof given === "number" || typeof given === "boolean"))
    return "put it in quotes";
  if (types.includes("array") && !isRecord(given)) return "write a list: [a, b], or one item a line with -";
  return undefined;
}

/** What the value means, in parentheses: the schema's title, or its description when that is short. */
export function detail(error: ErrorObject): string {
  const { title, description } = error.parentSchema ?? {};
  if (typeof title === "string") return ` (${title})`;
  if (typeof description !== "string") return "";
  const first = description.split(/\.(?:\s|$)/, 1)[0]!;
  return first.length > 0 && first.length <= 80 ? ` (${first})` : "";
}

function shown(value: unknown): string {
  return typeof value === "string" ? value || '""' : JSON.stringify(value);
}
