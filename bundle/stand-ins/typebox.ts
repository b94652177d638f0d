/**
 * The types of `typebox` that our schemas are made of, without what it can compute with types: the same JSON, key for
 * key. A driver that uses another one fails the build, which names it; then it is added here.
 */
type Keywords = { readonly [keyword: string]: unknown };
type Schema = Keywords;

/** As TypeBox does, hidden: `JSON.stringify` and validators do not see it. */
const optionalMark = "~optional";

const make =
  (keywords: Keywords) =>
  (options: Keywords = {}): Schema => ({ ...keywords, ...options });

export const Null = make({ type: "null" });
export const Unknown = make({});
export const Integer = make({ type: "integer" });

/** A copy that keeps what is hidden. */
function copy(schema: Schema): Schema {
  return Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema)) as Schema;
}

export const Unsafe = copy;

export function Optional(schema: Schema): Schema {
  return Object.defineProperty(copy(schema), optionalMark, {
    value: true,
    configurable: true,
    writable: true,
  });
}

export function Literal(value: string | number | boolean, options: Keywords = {}): Schema {
  return { type: typeof value, const: value, ...options };
}

export function Enum(values: readonly unknown[], options: Keywords = {}): Schema {
  return { enum: values, ...options };
}

export function Union(anyOf: readonly Schema[], options: Keywords = {}): Schema {
  return { anyOf, ...options };
}

export function Intersect(allOf: readonly Schema[], options: Keywords = {}): Schema {
  return { allOf, ...options };
}

/** Of an object; its own options are left behind. */
export function Partial(schema: Schema, options: Keywords = {}): Schema {
  const properties = Object.entries(schema.properties as { readonly [key: string]: Schema });
  return object(Object.fromEntries(properties.map(([key, value]) => [key, Optional(value)])), options);
}

/** `key` is a string, with the `pattern` that it may have. */
export function Record(key: Schema, value: Schema, options: Keywords = {}): Schema {
  if (key.type !== "string")
    throw new Error("a record's key can only be a string: see bundle/stand-ins/typebox.ts");
  return { type: "object", patternProperties: { [String(key.pattern ?? "^.*$")]: value }, ...options };
}

const array = (items: Schema, options: Keywords = {}): Schema => ({ type: "array", items, ...options });

function object(properties: { readonly [key: string]: Schema }, options: Keywords = {}): Schema {
  const required = Object.keys(properties).filter((key) => !Object.hasOwn(properties[key]!, optionalMark));
  return { type: "object", ...(required.length > 0 && { required }), properties, ...options };
}

const boolean = make({ type: "boolean" });
const number = make({ type: "number" });
const string = make({ type: "string" });

export { array as Array, boolean as Boolean, number as Number, object as Object, string as String };
