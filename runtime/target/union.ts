/**
 * Which branch of an `anyOf` or `oneOf` a value was meant for. A validator only knows that none fits and lists
 * the errors of all; people think in one branch. It is told by the value's type, then by the properties that
 * are constant in every branch (`transport: tcp`), then by how many keys fit.
 */
import { isRecord, own } from "./json.ts";

export type Choice =
  /** `certain`: type or constants leave no other branch. */
  | { kind: "branch"; index: number; certain: boolean }
  /** The value itself, or its `property`, has to be one of `values`. */
  | { kind: "values"; property?: string; values: unknown[] }
  /** No branch takes a value of this type. */
  | { kind: "types"; types: string[] };

export function chooseBranch(branches: readonly unknown[], value: unknown): Choice {
  const constants = branches.map(valuesOf);
  if (constants.every((values) => values !== undefined)) return { kind: "values", values: constants.flat() };

  let left = branches.map((_, index) => index).filter((index) => takes(branches[index], value));
  if (left.length === 0) return { kind: "types", types: [...new Set(branches.flatMap(typesOf))] };
  if (left.length === 1) return { kind: "branch", index: left[0]!, certain: true };
  if (!isRecord(value)) return { kind: "branch", index: left[0]!, certain: false };

  for (const property of discriminators(left.map((index) => branches[index]))) {
    const given = own(value, property);
    const fits = (index: number) => {
      const schema = propertyOf(branches[index], property);
      const wanted = given === undefined && isRecord(schema) ? schema.default : given;
      return valuesOf(schema)!.includes(wanted);
    };
    const fitting = left.filter(fits);
    if (fitting.length === 0) {
      const values = left.flatMap((index) => valuesOf(propertyOf(branches[index], property))!);
      return { kind: "values", property, values: [...new Set(values)] };
    }
    if (fitting.length === 1) return { kind: "branch", index: fitting[0]!, certain: true };
    left = fitting;
  }
  const score = (index: number) => fit(branches[index], value);
  return {
    kind: "branch",
    index: left.reduce((best, index) => (score(index) > score(best) ? index : best)),
    certain: false,
  };
}

/** The only values that a schema allows, when it lists them. */
function valuesOf(schema: unknown): unknown[] | undefined {
  if (!isRecord(schema)) return undefined;
  if ("const" in schema) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : undefined;
}

/** The types that a schema names; empty when it takes any. */
function typesOf(schema: unknown): string[] {
  if (!isRecord(schema)) return [];
  const named = [schema.type ?? []].flat();
  return named.length > 0 ? (named as string[]) : (valuesOf(schema)?.map(typeOf) ?? []);
}

/** The JSON type of a value; whole numbers are `integer`. */
export function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function takes(schema: unknown, value: unknown): boolean {
  const types = typesOf(schema);
  const type = typeOf(value);
  return types.length === 0 || types.includes(type) || (type === "integer" && types.includes("number"));
}

function propertyOf(schema: unknown, property: string): unknown {
  return isRecord(schema) && isRecord(schema.properties) ? own(schema.properties, property) : undefined;
}

/** The properties whose values every branch lists. */
function discriminators(branches: readonly unknown[]): string[] {
  const [first] = branches;
  if (!isRecord(first) || !isRecord(first.properties)) return [];
  return Object.keys(first.properties).filter((property) =>
    branches.every((branch) => valuesOf(propertyOf(branch, property)) !== undefined),
  );
}

function fit(schema: unknown, value: Record<string, unknown>): number {
  if (!isRecord(schema)) return 0;
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? (schema.required as string[]) : [];
  const known = Object.keys(value).filter((key) => Object.hasOwn(properties, key));
  const missing = required.filter((key) => !Object.hasOwn(value, key));
  return 2 * known.length - missing.length;
}
