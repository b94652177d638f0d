/**
 * Evaluates a JSON Pointer (RFC 6901 section 4) on what `JSON.parse` gave; `undefined` when it leads nowhere. The
 * index `-` leads nowhere: it names the element behind the last one.
 */
export function readPointer(document: unknown, pointer: string): unknown {
  let value = document;
  for (const part of pointer.split("/").slice(1)) {
    // In this order, else "~01" would become "/".
    const token = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(value)) value = /^(0|[1-9]\d*)$/.test(token) ? value[Number(token)] : undefined;
    else if (typeof value !== "object" || value === null || !Object.hasOwn(value, token)) return undefined;
    else value = (value as Record<string, unknown>)[token];
  }
  return value;
}
