/**
 * Attribute-based filters (ETSI GS MEC 009 V3.3.1 section 6.19), such as `(eq,enabled,TRUE);(cont,deviceId,lamp)`.
 *
 *     filter      = simple *(";" simple)                           all must hold
 *     simple      = "(" op "," attribute *("/" attribute) "," value *("," value) ")"
 *     op          = "eq" / "neq" / "gt" / "lt" / "gte" / "lte"     one value
 *                 / "in" / "nin" / "cont" / "ncont"                one or more values
 *
 * A value with `,` `)` or `'` stands in single quotes, a quote in it is doubled. In an attribute's name `~1` is `/`,
 * `~0` is `~`, `~a` is `,` and `~b` is `@`. Of an array one member that fits is enough. What is absent fits `neq`, `nin`
 * and `ncont` alone. Truth values are compared without regard to case, numbers as numbers where both are, else as texts.
 */
import { badRequest } from "../http/problem.ts";

export type Filter = (info: object) => boolean;

const single = ["eq", "neq", "gt", "lt", "gte", "lte"] as const;
const multiple = ["in", "nin", "cont", "ncont"] as const;
type Op = (typeof single)[number] | (typeof multiple)[number];

/**
 * @param attributes names that there are on the first level
 * @throws Problem 400
 */
export function parseFilter(source: string, attributes: readonly string[]): Filter {
  const conditions: Filter[] = [];
  let at = 0;
  for (;;) {
    const { words, end } = readSimple(source, at);
    conditions.push(conditionOf(words, attributes));
    if (end === source.length) break;
    if (source[end] !== ";") throw unreadable(source, end, "; or the end");
    at = end + 1;
  }
  return (info) => conditions.every((holds) => holds(info));
}

/** The parts between the parentheses that open at `begin`. */
function readSimple(source: string, begin: number): { words: string[]; end: number } {
  if (source[begin] !== "(") throw unreadable(source, begin, "(");
  const words: string[] = [];
  let at = begin + 1;
  for (;;) {
    let word = "";
    if (source[at] === "'") {
      at++;
      for (;;) {
        const close = source.indexOf("'", at);
        if (close < 0) throw unreadable(source, source.length, "'");
        word += source.slice(at, close);
        at = close + 1;
        if (source[at] !== "'") break;
        word += "'";
        at++;
      }
    } else {
      const length = /^[^,)']*/.exec(source.slice(at))![0].length;
      word = source.slice(at, at + length);
      at += length;
    }
    words.push(word);
    if (source[at] === ")") return { words, end: at + 1 };
    if (source[at] !== ",") throw unreadable(source, at, ", or )");
    at++;
  }
}

function conditionOf(
  [op = "", path = "", ...values]: readonly string[],
  attributes: readonly string[],
): Filter {
  const isSingle = single.includes(op as never);
  if (!isSingle && !multiple.includes(op as never))
    throw badRequest(
      `filter: there is no operator ${shown(op)}`,
      `it is one of ${[...single, ...multiple].join(", ")}`,
    );
  if (values.length === 0) throw badRequest(`filter: ${op} has no value`);
  if (isSingle && values.length > 1)
    throw badRequest(`filter: ${op} takes one value, ${values.length} are given`);
  const names = path.split("/").map(unescapeName);
  if (!attributes.includes(names[0]!))
    throw badRequest(
      `filter: there is no attribute ${shown(names[0]!)}`,
      `there is ${attributes.join(", ")}`,
    );
  return (info) => {
    const leaves = leavesOf(info, names);
    switch (op as Op) {
      case "neq":
      case "nin":
        return !leaves.some((leaf) => values.some((value) => isEqual(leaf, value)));
      case "ncont":
        return !leaves.some((leaf) => values.some((value) => String(leaf).includes(value)));
      case "eq":
      case "in":
        return leaves.some((leaf) => values.some((value) => isEqual(leaf, value)));
      case "cont":
        return leaves.some((leaf) => values.some((value) => String(leaf).includes(value)));
      default:
        return leaves.some((leaf) => inOrder(op as "gt", compare(leaf, values[0]!)));
    }
  };
}

function unescapeName(name: string): string {
  const characters: Readonly<Record<string, string>> = { "~1": "/", "~0": "~", "~a": ",", "~b": "@" };
  return name.replaceAll(/~[01ab]/g, (code) => characters[code]!);
}

/** The values at the path; arrays on the way are gone through. */
function leavesOf(value: unknown, path: readonly string[]): (string | number | boolean)[] {
  if (Array.isArray(value)) return value.flatMap((each) => leavesOf(each, path));
  const [name, ...rest] = path;
  if (name === undefined)
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? [value]
      : [];
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return [];
  return leavesOf((value as Record<string, unknown>)[name], rest);
}

function isEqual(leaf: string | number | boolean, value: string): boolean {
  return typeof leaf === "boolean" ? String(leaf) === value.toLowerCase() : compare(leaf, value) === 0;
}

function compare(leaf: string | number | boolean, value: string): number {
  const number = typeof leaf === "number" && value.trim() !== "" ? Number(value) : Number.NaN;
  if (!Number.isNaN(number)) return Math.sign((leaf as number) - number);
  const text = String(leaf);
  return text < value ? -1 : text > value ? 1 : 0;
}

function inOrder(op: "gt" | "lt" | "gte" | "lte", order: number): boolean {
  if (op === "gt") return order > 0;
  if (op === "lt") return order < 0;
  return op === "gte" ? order >= 0 : order <= 0;
}

function unreadable(source: string, at: number, wanted: string): Error {
  const found = at < source.length ? shown(source[at]!) : "the end";
  return badRequest(
    `filter: ${wanted} is needed at character ${at + 1}, not ${found}`,
    "such as (eq,enabled,TRUE)",
  );
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
