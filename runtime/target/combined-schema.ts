/**
 * The schema of `node.yaml` with the options of every known driver tied to `driver`, for editors: completion,
 * descriptions and errors while typing. Written to `node.schema.json`; a file names it in its first line,
 * `# yaml-language-server: $schema=./node.schema.json`.
 *
 * Editors know little of `$id` inside a schema, so each driver's schema becomes an entry of `$defs` and its
 * own local references are moved along. Editors see a file before defaults are filled in, so keys with a default
 * are not required there, whatever the driver's schema says.
 */
import type { Manifest } from "../plugin/contract.ts";
import { isRecord, type Json, own } from "./json.ts";
import { pluginSchema, targetSchema } from "./schema.ts";

/** Plain JSON, JSON Schema 2020-12. `manifests` in any order; the result does not depend on it. */
export function combinedSchema(
  manifests: readonly Pick<Manifest, "name" | "summary" | "options">[],
): Record<string, Json> {
  const drivers = manifests
    .map(({ name, summary, options }) => ({ name, summary, options: forEditors(options, name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const schema = plain(targetSchema) as Record<string, Json>;
  const plugin = plain(pluginSchema) as Record<string, Json>;
  plugin.oneOf = [{ required: ["driver"] }, { required: ["exec"] }];
  const driver = (plugin.properties as Record<string, Record<string, Json>>).driver!;
  if (drivers.length > 0) {
    driver.enum = drivers.map(({ name }) => name);
    driver.examples = [drivers[0]!.name];
    driver.markdownEnumDescriptions = drivers.map(({ summary }) => summary);
    plugin.allOf = drivers.map(({ name, options }) => ({
      if: { properties: { driver: { const: name } }, required: ["driver"] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: {
        properties: { options: { $ref: `#/$defs/options-${name}` } },
        ...(needsOptions(options) && { required: ["options"] }),
      },
    }));
  }
  (schema.properties as Record<string, Record<string, Json>>).plugins!.additionalProperties = {
    $ref: "#/$defs/plugin",
  };
  schema.$defs = {
    plugin,
    ...Object.fromEntries(drivers.map(({ name, options }) => [`options-${name}`, options])),
  };
  return schema;
}

function needsOptions(options: unknown): boolean {
  return isRecord(options) && Array.isArray(options.required) && options.required.length > 0;
}

/** Without what a schema library hangs on its objects. */
function plain(schema: unknown): Json {
  return JSON.parse(JSON.stringify(schema)) as Json;
}

function forEditors(options: unknown, name: string): Json {
  return converted(plain(options), `#/$defs/options-${name}`);
}

/** `schema` with its local references below `base`, and no key required that has a default. */
function converted(schema: Json, base: string): Json {
  if (Array.isArray(schema)) return schema.map((item) => converted(item, base));
  if (!isRecord(schema)) return schema;
  const { properties } = schema;
  const hasDefault = (key: unknown) => {
    const property = isRecord(properties) ? own(properties, String(key)) : undefined;
    return isRecord(property) && "default" in property;
  };
  const entries = Object.entries(schema as Record<string, Json>)
    .filter(([key, value]) => !((key === "$id" || key === "$schema") && typeof value === "string"))
    .map(([key, value]): [string, Json] => {
      if (key === "$ref" && typeof value === "string" && value.startsWith("#"))
        return [key, base + value.slice(1)];
      if (key === "required" && Array.isArray(value)) return [key, value.filter((item) => !hasDefault(item))];
      return [key, converted(value, base)];
    });
  return Object.fromEntries(entries);
}
