/** Validators of routes, compiled when the first request needs one: what is never asked for costs nothing. */
import { isIP } from "node:net";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";

/** `undefined` when the value fits, else where it does not and why, for people. */
export type Judge = (value: unknown) => string | undefined;

/**
 * Stops at the first error: a body of many errors would cost more to explain than to send. Formats are those that can
 * be told exactly; others are let be.
 */
export function createJudges(): (schema: object) => Judge {
  const ajv = new Ajv2020({
    strict: false,
    logger: false,
    meta: false,
    validateSchema: false,
    verbose: true,
  });
  for (const [name, fits] of Object.entries(formats)) ajv.addFormat(name, fits);
  const made = new WeakMap<object, Judge>();
  return (schema) => {
    const known = made.get(schema);
    if (known) return known;
    const validate = ajv.compile(schema);
    const judge: Judge = (value) => (validate(value) ? undefined : reasonOf(validate));
    made.set(schema, judge);
    return judge;
  };
}

const formats: Readonly<Record<string, (text: string) => boolean>> = {
  uuid: (text) => /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text),
  uri: (text) => URL.canParse(text),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
  "date-time": (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/i.test(text) && !Number.isNaN(Date.parse(text)),
};

function reasonOf({ errors }: ValidateFunction): string {
  const all = errors ?? [];
  const first = meant(all);
  if (!first) return "it does not fit";
  const at = first.instancePath === "" ? "" : `${first.instancePath.slice(0, 200)}: `;
  return `${at}${wordsOf(first)}`;
}

/** Of a union all branches complain; the one that came farthest into the value is most likely the one that was meant. */
function meant(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const union = errors.findLast(({ keyword }) => keyword === "anyOf" || keyword === "oneOf");
  if (!union) return errors[0];
  const deeper = errors.filter(({ instancePath }) => instancePath.length > union.instancePath.length);
  return deeper.sort((a, b) => b.instancePath.length - a.instancePath.length)[0] ?? union;
}

function wordsOf(error: ErrorObject): string {
  const { keyword, params, schema, message = "does not fit" } = error;
  switch (keyword) {
    case "required":
      return `${params.missingProperty} is missing`;
    case "additionalProperties":
      return `${shown(params.additionalProperty)} is not known here`;
    case "enum":
      return `${shown(error.data)} is none of ${(schema as unknown[]).map(shown).join(", ").slice(0, 500)}`;
    case "const":
      return `${shown(error.data)} is not ${shown(schema)}`;
    case "anyOf":
      return "fits none of the forms that are allowed";
    case "oneOf":
      return "fits none, or more than one, of the forms that are allowed";
    default:
      return `${shown(error.data)} ${message}`;
  }
}

/** A value as people may see it: short. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
