import { qualityLabel, reasonLabel } from "./record.ts";
import type { RawRecord } from "./resolve.ts";
import { invalid } from "./resolve.ts";

/** Each field with its CBOR label (RFC 8428 section 6, table 4; texts are of our own) and the type of its value. */
const fields = [
  ["bver", -1, "number"],
  ["bn", -2, "string"],
  ["bt", -3, "number"],
  ["bu", -4, "string"],
  ["bv", -5, "number"],
  ["bs", -6, "number"],
  ["n", 0, "string"],
  ["u", 1, "string"],
  ["v", 2, "number"],
  ["vs", 3, "string"],
  ["vb", 4, "boolean"],
  ["s", 5, "number"],
  ["t", 6, "number"],
  ["ut", 7, "number"],
  ["vd", 8, "bytes"],
  [qualityLabel, qualityLabel, "string"],
  [reasonLabel, reasonLabel, "string"],
] as const satisfies readonly [keyof RawRecord, number | string, "number" | "string" | "boolean" | "bytes"][];

type Field = (typeof fields)[number];

const fieldByLabel: ReadonlyMap<unknown, Field> = new Map(
  fields.flatMap((field): [unknown, Field][] => [
    [field[1], field],
    [field[0], field],
  ]),
);

/** Writes one decoded field into `record`, or throws `SENML_INVALID`. Unknown fields are passed over. */
export function setField(record: RawRecord, key: unknown, value: unknown, index: number): void {
  const field = fieldByLabel.get(key);
  if (!field) {
    // Section 4.4: a field that ends in "_" must be understood.
    if (typeof key === "string" && key.endsWith("_"))
      throw invalid(index, `field ${key} must be understood and is not`);
    return;
  }
  const [name, , type] = field;
  const fits = type === "bytes" ? value instanceof Uint8Array : typeof value === type;
  if (!fits || (type === "number" && !Number.isFinite(value))) {
    throw invalid(
      index,
      `${name} is ${describe(value)}, a ${type === "number" ? "finite number" : type} is needed`,
    );
  }
  Object.assign(record, { [name]: value });
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
