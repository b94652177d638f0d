/** What a pointer leads to; or, when it leads nowhere, the last value on the way and that value's pointer. */
export type Found = { found: true; value: unknown } | { found: false; at: string; last: unknown };

/**
 * Evaluates a JSON Pointer (RFC 6901 section 4) on what `JSON.parse` gave. The index `-` leads nowhere: it names
 * the element behind the last one. Throws `SyntaxError` for a text that is no pointer.
 */
export function evaluate(document: unknown, pointer: string): Found {
  let value = document;
  let at = "";
  for (const token of tokensOf(pointer)) {
    if (!has(value, token)) return { found: false, at, last: value };
    value = (value as Record<string, unknown>)[token];
    at += `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  }
  return { found: true, value };
}

function tokensOf(pointer: string): string[] {
  if (!/^(\/([^~/]|~[01])*)*$/.test(pointer)) throw new SyntaxError(`${pointer} is no JSON Pointer`);
  // In this order, else "~01" would become "/" (section 4).
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function has(value: unknown, token: string): boolean {
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(token) && Number(token) < value.length;
  return typeof value === "object" && value !== null && Object.hasOwn(value, token);
}
