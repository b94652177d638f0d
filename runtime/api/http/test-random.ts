/** For tests: values that fit a JSON Schema, and values that nearly do. The same for the same seed. */

/** Numbers from 0 to 1, after Marsaglia's xorshift (Journal of Statistical Software 8(14), 2003). */
export type Random = () => number;

export function createRandom(seed: number): Random {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)]!;
}

interface Schema {
  type?: string | readonly string[];
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  allOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  format?: string;
}

const formats: Readonly<Record<string, string>> = {
  uuid: "5abe4782-2c70-4e47-9a4e-0ee3a1a0fd1f",
  uri: "http://127.0.0.1:9/callback",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  "date-time": "2026-11-30T12:00:00Z",
};

/** Fits, but where the schema has patterns or conditions. */
export function fitting(random: Random, schema: Schema | undefined, depth = 0): unknown {
  if (!schema || depth > 8) return oneOf(random, ["x", 1, null, {}]);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return oneOf(random, schema.enum);
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) return fitting(random, oneOf(random, branches), depth + 1);
  if (schema.allOf)
    return Object.assign({}, ...schema.allOf.map((part) => fitting(random, part, depth + 1) as object));
  const type = typeof schema.type === "object" ? oneOf(random, schema.type) : schema.type;
  switch (type) {
    case "object":
      return fittingObject(random, schema, depth);
    case "array": {
      const length = Math.min(schema.maxItems ?? 3, (schema.minItems ?? 0) + Math.floor(random() * 3));
      return Array.from({ length }, () => fitting(random, schema.items, depth + 1));
    }
    case "string": {
      if (schema.format !== undefined && formats[schema.format]) return formats[schema.format];
      return "name".padEnd(schema.minLength ?? 0, "x").slice(0, schema.maxLength);
    }
    case "integer":
      return (
        (schema.minimum ?? 0) +
        Math.floor(random() * Math.min(5, (schema.maximum ?? 100) - (schema.minimum ?? 0)))
      );
    case "number":
      return schema.minimum ?? random();
    case "boolean":
      return random() < 0.5;
    case "null":
      return null;
    default:
      return oneOf<unknown>(random, ["x", 1, true, null, [1], { a: 1 }]);
  }
}

function fittingObject(random: Random, { properties = {}, required = [] }: Schema, depth: number): object {
  const value: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(properties))
    if (required.includes(name) || random() < 0.5) value[name] = fitting(random, schema, depth + 1);
  return value;
}

const strange: readonly unknown[] = [
  null,
  true,
  "",
  0,
  -1,
  0.5,
  1e308,
  2 ** 53,
  [],
  {},
  [[[[]]]],
  "\u0000",
  "\ud800",
  "../../etc/passwd",
  "a/b?c#d%2F",
  "constructor",
  "x".repeat(5000),
  "http://[::1",
  "file:///etc/passwd",
  { $ref: "#" },
  { constructor: { prototype: {} }, toString: 1, length: -1 },
  Array.from({ length: 300 }, () => "x"),
];

/** The value with something changed in it, anywhere. */
export function mutated(random: Random, value: unknown): unknown {
  if (typeof value !== "object" || value === null || random() < 0.15) return oneOf(random, strange);
  if (Array.isArray(value)) {
    const at = Math.floor(random() * (value.length + 1));
    return [
      ...value.slice(0, at),
      at < value.length ? mutated(random, value[at]) : oneOf(random, strange),
      ...value.slice(at + 1),
    ];
  }
  const names = Object.keys(value);
  const changed: Record<string, unknown> = { ...value };
  const name = names.length === 0 ? "x" : oneOf(random, names);
  const dice = random();
  if (dice < 0.2) delete changed[name];
  else if (dice < 0.35)
    changed[oneOf(random, ["x", "", "toString", "hasOwnProperty", "constructor"])] = oneOf(random, strange);
  else changed[name] = mutated(random, changed[name]);
  return changed;
}
