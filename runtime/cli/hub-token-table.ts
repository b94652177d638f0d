import { dirname, resolve } from "node:path";
import { messageOf, UmecError } from "../errors.ts";
import type { TokenRequest } from "../hub/tokens.ts";
import { nameSyntax } from "../subjects.ts";
import { targetOf, textOf } from "./hub-token-parts.ts";
import { durationArgument } from "./units.ts";

const columns = ["name", "expires", "target"];

/**
 * The requests of a table in CSV: a header, then a node a line. `expires` is a duration, `target` a file as seen from the
 * table's; either may be empty. Empty lines count as none.
 *
 * @param taken names that no token may be made for
 * @throws UmecError `HUB_TABLE_INVALID` with every wrong line, by its number
 */
export async function readTokenTable(path: string, taken: ReadonlySet<string>): Promise<TokenRequest[]> {
  const text = (await textOf(path)).replace(/^\uFEFF/, "");
  const lines = text.split(/\r?\n/).map((line, index) => ({ line, number: index + 1 }));
  const [head, ...rows] = lines.filter(({ line }) => line.trim() !== "");
  const titles = head ? fieldsOf(head.line)?.map((title) => title.trim().toLowerCase()) : undefined;
  const strange = titles?.find((title) => !columns.includes(title));
  if (!titles?.includes("name") || strange !== undefined || new Set(titles).size < titles.length) {
    const found = titles ? titles.join(",") : "nothing";
    throw new UmecError("HUB_TABLE_INVALID", `${path} begins with ${found}, not with a header`, {
      hint: "its first line names its columns: name, and if wanted expires and target",
    });
  }
  const problems: string[] = [];
  const seen = new Map<string, number>();
  const targets = new Map<string, Record<string, unknown>>();
  const requests: TokenRequest[] = [];
  for (const { line, number } of rows) {
    try {
      requests.push(await requestOf(line, titles, { path, seen, taken, targets, number }));
    } catch (error) {
      problems.push(`  line ${number}: ${messageOf(error)}`);
    }
  }
  if (problems.length > 0) {
    const what = problems.length === 1 ? "a wrong line" : `${problems.length} wrong lines`;
    throw new UmecError("HUB_TABLE_INVALID", `${path} has ${what}:\n${problems.join("\n")}`, {
      hint: "no token was made: put them right, and try again",
    });
  }
  return requests;
}

interface Table {
  path: string;
  seen: Map<string, number>;
  taken: ReadonlySet<string>;
  targets: Map<string, Record<string, unknown>>;
  number: number;
}

async function requestOf(line: string, titles: readonly string[], table: Table): Promise<TokenRequest> {
  const fields = fieldsOf(line);
  if (!fields) throw new Error("a quote is not closed");
  if (fields.length > titles.length) throw new Error(`it has ${fields.length} fields, not ${titles.length}`);
  const [name = "", expires = "", target = ""] = columns.map(
    (column) => fields[titles.indexOf(column)]?.trim() ?? "",
  );
  if (!nameSyntax.test(name))
    throw new Error(
      `${JSON.stringify(name)} is no name for a node: use a-z, 0-9 and -, at most 63 characters`,
    );
  const before = table.seen.get(name);
  if (before !== undefined) throw new Error(`${name} is in line ${before} already`);
  table.seen.set(name, table.number);
  if (table.taken.has(name))
    throw new Error(`${name} has enrolled: give its name free with umec hub replace ${name}`);
  const expiresInMs = expires === "" ? undefined : durationArgument(expires);
  if (expiresInMs !== undefined && !(expiresInMs >= 1000 && expiresInMs <= 366 * 86_400_000))
    throw new Error(`expires is ${expires}: from a second to a year`);
  return {
    node: name,
    ...(expiresInMs !== undefined && { expiresInMs }),
    ...(target !== "" && { target: await cached(table, target) }),
  };
}

async function cached({ path, targets }: Table, target: string): Promise<Record<string, unknown>> {
  const file = resolve(dirname(path), target);
  const known = targets.get(file) ?? (await targetOf(file));
  targets.set(file, known);
  return known;
}

/** RFC 4180 within one line; `undefined` when a quote is not closed. */
function fieldsOf(line: string): string[] | undefined {
  const fields: string[] = [];
  const field = /\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)/y;
  for (;;) {
    const found = field.exec(line);
    if (!found) return undefined;
    fields.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
    if (found[3] === "") return fields;
  }
}
