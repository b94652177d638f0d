/**
 * A YAML or JSON text that knows where everything in it stands.
 *
 * Only what JSON can say is allowed: keys are strings, each once, and no tags of one's own. When the syntax
 * itself is broken, the parser's guess at the rest is not used: findings about it would be noise.
 */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import { messageOf } from "../errors.ts";
import type { Problem } from "./finding.ts";
import { fromPointer, toPointer } from "./json.ts";
import { shownValue } from "./shown-value.ts";

/** A problem whose place is known. */
export interface SyntaxProblem extends Problem {
  line: number;
  column: number;
}

export interface TargetDocument {
  /** What the text says; `undefined` when its syntax is broken. */
  value: unknown;
  problems: SyntaxProblem[];
  /** Where the value (or the key) at a pointer stands; where it is not in the text, its nearest parent's key. */
  locate(pointer: string, at: "key" | "value"): { line: number; column: number; value: string };
}

export function readDocument(text: string): TargetDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const faults: (YAMLError | { code: string; message: string; pos: [number, number] })[] = [
    ...document.errors,
    ...document.warnings,
    ...badAliases(document),
  ];
  const problems = faults.map(({ code, message, pos }) => ({
    ...place(pos[0]),
    pointer: pointerAt(document, pos[0]),
    ...(code === "DUPLICATE_KEY" ? repeated(document, pos[0], place) : describe(code, message)),
  }));
  let value: unknown;
  if (faults.every(({ code }) => code === "DUPLICATE_KEY")) {
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      problems.push({ line: 1, column: 1, pointer: "", reason: messageOf(error) });
    }
  }
  return {
    value,
    problems,
    locate(pointer, at) {
      const found = find(document, fromPointer(pointer), at);
      // Whoever wrote the secret itself there did not mean it to be shown.
      const key = pointer.startsWith("/secrets/") ? "secret" : found.key;
      return { ...place(found.offset), value: shownValue(key, found.node, text) };
    },
  };
}

interface Found {
  offset: number;
  /** Where the key is, for what is missing below it; of a list item, the item. */
  parentOffset: number;
  /** The last key on the way, and the value there when it was reached. */
  key: string;
  node: Node | undefined;
}

function find(document: Document, segments: readonly string[], at: "key" | "value"): Found {
  let node = document.contents as Node | null | undefined;
  const start = node?.range?.[0] ?? 0;
  let found: Found = { offset: start, parentOffset: start, key: "", node: node ?? undefined };
  const missing = () => ({ ...found, offset: found.parentOffset, node: undefined });
  for (const segment of segments) {
    if (isAlias(node)) node = node.resolve(document);
    let keyOffset: number | undefined;
    if (isMap(node)) {
      const pair = pairOf(node.items as Pair<Node, Node | null>[], segment);
      if (!pair) return missing();
      keyOffset = pair.key.range?.[0];
      node = pair.value;
    } else if (isSeq(node) && node.items[Number(segment)] !== undefined) {
      node = node.items[Number(segment)] as Node;
    } else return missing();
    const valueOffset = node?.range?.[0];
    // A block collection starts below its key, an empty value nowhere in particular: the key says more.
    const useKey =
      (isCollection(node) && !node.flow) ||
      (isScalar(node) && node.type === "PLAIN" && node.source === "") ||
      !node;
    const offset = (at === "key" || useKey ? keyOffset : valueOffset) ?? valueOffset ?? found.offset;
    found = { offset, parentOffset: keyOffset ?? offset, key: segment, node: node ?? undefined };
  }
  return found;
}

/** Where a key is given twice the last one counts, as it does in the value. */
function pairOf(items: readonly Pair<Node, Node | null>[], key: string) {
  return items.findLast((pair) => isScalar(pair.key) && String(pair.key.value) === key);
}

/** The pointer of the innermost key or item that holds `offset`. */
function pointerAt(document: Document, offset: number): string {
  const path: (string | number)[] = [];
  let node = document.contents as Node | null;
  const holds = (part: Node | null) => part?.range && part.range[0] <= offset && offset < part.range[2];
  for (;;) {
    if (isMap(node)) {
      const pair = (node.items as Pair<Node, Node | null>[]).find(
        ({ key, value }) => holds(key) || holds(value),
      );
      if (!isScalar(pair?.key)) break;
      path.push(String(pair.key.value));
      node = pair.value;
    } else if (isSeq(node)) {
      const index = node.items.findIndex((item) => holds(item as Node));
      if (index < 0) break;
      path.push(index);
      node = node.items[index] as Node;
    } else break;
  }
  return toPointer(...path);
}

function repeated(document: Document, offset: number, place: (offset: number) => { line: number }) {
  let first: number | undefined;
  let key = "";
  visit(document, {
    Map(_, map) {
      const items = map.items as Pair<Node, Node>[];
      const again = items.find((pair) => pair.key.range?.[0] === offset);
      if (!isScalar(again?.key)) return;
      key = String(again.key.value);
      first = items.find((pair) => isScalar(pair.key) && pair.key.value === key)?.key.range?.[0];
      return visit.BREAK;
    },
  });
  const where = first === undefined ? "" : `, first in line ${place(first).line}`;
  return { at: "key" as const, reason: `the key ${key} is given twice${where}`, hint: "keep one of them" };
}

function badAliases(document: Document) {
  const found: { code: string; message: string; pos: [number, number] }[] = [];
  visit(document, {
    Alias(_, alias, path) {
      const target = alias.resolve(document);
      if (!alias.range || (target && !path.includes(target))) return;
      const message = target
        ? `*${alias.source} refers to a value that it is part of`
        : `*${alias.source} refers to no anchor above it`;
      found.push({ code: target ? "CYCLE" : "BAD_ALIAS", message, pos: [alias.range[0], alias.range[1]] });
    },
  });
  return found;
}

function describe(code: string, message: string): { reason: string; hint?: string } {
  const reason = message.charAt(0).toLowerCase() + message.slice(1);
  const hint = hints[code];
  return hint === undefined ? { reason } : { reason, hint };
}

const hints: Readonly<Record<string, string>> = {
  BAD_ALIAS: "text that starts with * or & needs quotes",
  BAD_INDENT: "keys of one mapping start in the same column",
  BAD_SCALAR_START: "text that starts with @, ` or % needs quotes",
  BLOCK_AS_IMPLICIT_KEY: "text with a colon and a space in it needs quotes",
  MULTILINE_IMPLICIT_KEY: "a key needs a colon and a space behind it",
  MULTIPLE_DOCS: "a file describes one node: remove the line ---",
  TAB_AS_INDENT: "indent with spaces",
  TAG_RESOLVE_FAILED: "text that starts with ! needs quotes",
};
