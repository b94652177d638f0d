import { isMap, isScalar, isSeq, type Node } from "yaml";

const secretKey = /pass(word|phrase|wd)?$|secret|token|api-?key|private/i;

/** A value as a finding shows it: as written, on one line, short, and never a password. */
export function shownValue(key: string, node: Node | undefined, text: string): string {
  if (isMap(node)) {
    const keys = node.items.map((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key));
    return shorten(`{ ${keys.join(", ")} }`);
  }
  if (isSeq(node)) return node.items.length === 1 ? "[1 item]" : `[${node.items.length} items]`;
  if (!isScalar(node) || !node.range) return "";
  if (secretKey.test(key) && typeof node.value === "string") return "(hidden)";
  const written = text.slice(node.range[0], node.range[1]).replaceAll(/\s+/g, " ").trim();
  return shorten(written.replaceAll(/\/\/[^/@\s]*@/g, "//(hidden)@"));
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
