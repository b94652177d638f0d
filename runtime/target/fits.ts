/**
 * Tells of a value whether it fits a JSON Schema (2020-12), without compiling it.
 *
 * Almost every target state that a node reads is valid, and is read once: to generate a validator and run it then takes
 * many times as long as to look (docs/bundle.md). So this looks first, and Ajv, which can say what is wrong and where, is
 * loaded for what does not fit.
 *
 * What it promises: `true` is Ajv's answer too, with the options of compile.ts. `false` means only that Ajv has to be
 * asked: the value does not fit, or the schema has a keyword that is not known here.
 */
import { isRecord } from "./json.ts";

/** @param schema of any shape: what can't be used is Ajv's to complain of */
export function surelyFits(schema: unknown, value: unknown): boolean {
  try {
    return fits(schema, value);
  } catch {
    return false;
  }
}

type Rule = (limit: unknown, value: unknown, schema: Readonly<Record<string, unknown>>) => boolean;

/** Exact, as what is under `oneOf` may not fit more than once: a keyword of another meaning would spoil that. */
function fits(schema: unknown, value: unknown): boolean {
  if (typeof schema === "boolean") return schema;
  if (!isRecord(schema)) throw new Error("no schema");
  return Object.entries(schema).every(([keyword, limit]) => {
    if (limit === undefined || annotations.has(keyword)) return true;
    if (!Object.hasOwn(rules, keyword)) throw new Error(`${keyword} is not known`);
    return rules[keyword]!(limit, value, schema);
  });
}

const annotations: ReadonlySet<string> = new Set([
  ...["$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"],
  // Where a schema is, matters to references alone, which are Ajv's.
  ...["$schema", "$id"],
  // Ajv knows no format unless it is given one, and nothing of editors.
  ...["format", "patternErrorMessage", "markdownEnumDescriptions"],
]);

const rules: Readonly<Record<string, Rule>> = {
  type: (names, value) => list(names).some((name) => isOf(name, value)),
  const: (wanted, value) => value === plain(wanted),
  enum: (values, value) => list(values).some((one) => value === plain(one)),
  anyOf: (schemas, value) => list(schemas).some((one) => fits(one, value)),
  oneOf: (schemas, value) => list(schemas).filter((one) => fits(one, value)).length === 1,
  allOf: (schemas, value) => list(schemas).every((one) => fits(one, value)),
  not: (schema, value) => !fits(schema, value),
  minimum: (limit, value) => typeof value !== "number" || value >= number(limit),
  maximum: (limit, value) => typeof value !== "number" || value <= number(limit),
  exclusiveMinimum: (limit, value) => typeof value !== "number" || value > number(limit),
  exclusiveMaximum: (limit, value) => typeof value !== "number" || value < number(limit),
  // In characters, not in UTF-16's units.
  minLength: (limit, value) => typeof value !== "string" || [...value].length >= number(limit),
  maxLength: (limit, value) => typeof value !== "string" || [...value].length <= number(limit),
  pattern: (pattern, value) => typeof value !== "string" || new RegExp(text(pattern), "u").test(value),
  items: (schema, value) => !Array.isArray(value) || value.every((one) => fits(schema, one)),
  minItems: (limit, value) => !Array.isArray(value) || value.length >= number(limit),
  maxItems: (limit, value) => !Array.isArray(value) || value.length <= number(limit),
  uniqueItems: (wanted, value) =>
    wanted !== true || !Array.isArray(value) || new Set(value.map(plain)).size === value.length,
  required: (names, value) =>
    !isRecord(value) || list(names).every((name) => value[text(name)] !== undefined),
  minProperties: (limit, value) => !isRecord(value) || Object.keys(value).length >= number(limit),
  maxProperties: (limit, value) => !isRecord(value) || Object.keys(value).length <= number(limit),
  propertyNames: (schema, value) =>
    !isRecord(value) || Object.keys(value).every((name) => fits(schema, name)),
  properties: (schemas, value) =>
    !isRecord(value) ||
    Object.entries(record(schemas)).every(
      ([name, schema]) => value[name] === undefined || fits(schema, value[name]),
    ),
  patternProperties: (schemas, value) =>
    !isRecord(value) ||
    Object.entries(record(schemas)).every(([pattern, schema]) =>
      Object.entries(value).every(([name, one]) => !new RegExp(pattern, "u").test(name) || fits(schema, one)),
    ),
  additionalProperties: (schema, value, { properties = {}, patternProperties = {} }) => {
    if (!isRecord(value)) return true;
    const patterns = Object.keys(record(patternProperties)).map((pattern) => new RegExp(pattern, "u"));
    return Object.entries(value).every(
      ([name, one]) =>
        Object.hasOwn(record(properties), name) ||
        patterns.some((pattern) => pattern.test(name)) ||
        fits(schema, one),
    );
  },
};

function isOf(name: unknown, value: unknown): boolean {
  switch (name) {
    case "object":
      return isRecord(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    case "null":
      return value === null;
    case "string":
    case "boolean":
      return typeof value === name;
    default:
      throw new Error("no type");
  }
}

/** Of a keyword's value what it must be, else Ajv is asked. */
function demand<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a keyword can't have this value");
  return value;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);
const number = (value: unknown): number => demand(typeof value === "number" ? value : undefined);
const text = (value: unknown): string => demand(typeof value === "string" ? value : undefined);
const record = (value: unknown) => demand(isRecord(value) ? value : undefined);
/** No array or object, which are compared by what is in them. */
const plain = (value: unknown) => demand(typeof value === "object" && value !== null ? undefined : value);
