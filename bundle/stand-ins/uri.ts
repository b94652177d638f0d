/**
 * `fast-uri` as far as ajv uses it, for `$id` and `$ref` in schemas: to take a reference apart, put it together and
 * resolve it against a base (RFC 3986, sections 5.2 and 5.3 and appendix B). Nothing is normalized beyond that: ajv
 * compares references of one schema with each other only.
 */
export interface Uri {
  scheme: string | undefined;
  /** Host with user and port. */
  authority: string | undefined;
  path: string;
  query: string | undefined;
  fragment: string | undefined;
}

const parts = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;

function parse(text: string): Uri {
  const [, scheme, authority, path = "", query, fragment] = parts.exec(text)!;
  return { scheme, authority, path, query, fragment };
}

function serialize({ scheme, authority, path, query, fragment }: Uri): string {
  const head = (scheme === undefined ? "" : `${scheme}:`) + (authority === undefined ? "" : `//${authority}`);
  return `${head}${path}${query === undefined ? "" : `?${query}`}${fragment === undefined ? "" : `#${fragment}`}`;
}

function resolve(baseText: string, referenceText: string): string {
  const base = parse(baseText);
  const reference = parse(referenceText);
  const { fragment } = reference;
  if (reference.scheme !== undefined) return serialize({ ...reference, path: withoutDots(reference.path) });
  const { scheme } = base;
  if (reference.authority !== undefined)
    return serialize({ ...reference, scheme, path: withoutDots(reference.path) });
  if (reference.path === "") return serialize({ ...base, query: reference.query ?? base.query, fragment });
  return serialize({
    ...base,
    path: withoutDots(merged(base, reference.path)),
    query: reference.query,
    fragment,
  });
}

function merged({ authority, path }: Uri, reference: string): string {
  if (reference.startsWith("/")) return reference;
  if (authority !== undefined && path === "") return `/${reference}`;
  return path.slice(0, path.lastIndexOf("/") + 1) + reference;
}

/** Section 5.2.4. A path that is not rooted keeps nothing of what leads out of it. */
function withoutDots(path: string): string {
  if (!path.includes(".")) return path;
  const segments = path.split("/");
  const kept: string[] = [];
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === "..") {
      if (kept.length > 1 || (kept.length === 1 && kept[0] !== "")) kept.pop();
    } else if (segment !== ".") {
      kept.push(segment);
      continue;
    }
    if (last) kept.push("");
  }
  return kept.join("/");
}

export default { parse, serialize, resolve };
