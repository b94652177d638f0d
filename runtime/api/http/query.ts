import type { TObject } from "typebox";
import { badRequest } from "./problem.ts";
import type { Judge } from "./validate.ts";

/**
 * A query's parameters as their schema types them. Arrays may be repeated or split by commas.
 *
 * @throws Problem 400 for a parameter that is not listed, comes twice, or does not fit
 */
export function readQuery(
  given: URLSearchParams,
  schema: TObject | undefined,
  judgeOf: (schema: object) => Judge,
): Readonly<Record<string, unknown>> {
  const properties = schema?.properties ?? {};
  const values: Record<string, unknown> = {};
  for (const name of new Set(given.keys())) {
    if (!Object.hasOwn(properties, name)) throw unknownParameter(name, Object.keys(properties));
    const texts = given.getAll(name);
    const wanted = properties[name] as { type?: string; items?: { type?: string } };
    if (wanted.type === "array") {
      const items = texts.flatMap((text) => text.split(","));
      values[name] = items.map((item) => coerce(item, wanted.items?.type));
    } else if (texts.length > 1) throw badRequest(`query parameter ${name} is given ${texts.length} times`);
    else values[name] = coerce(texts[0]!, wanted.type);
  }
  const reason = schema && judgeOf(schema)(values);
  if (reason !== undefined) throw badRequest(`query parameters: ${reason}`);
  return values;
}

/** What can't be turned stays a text, and the validator says so. */
function coerce(text: string, type: string | undefined): unknown {
  if (type === "integer" || type === "number") return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return text;
}

function unknownParameter(name: string, known: readonly string[]): Error {
  const hint = known.length === 0 ? "it takes none" : `it takes ${known.join(", ")}`;
  return badRequest(`query parameter ${JSON.stringify(name.slice(0, 80))} is not known here`, hint);
}
