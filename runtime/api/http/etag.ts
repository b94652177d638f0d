import { createHash } from "node:crypto";
import { preconditionFailed } from "./problem.ts";
import type { ApiRequest } from "./route.ts";

/** A strong one, of what is shown: it changes with whatever is in it. */
export function etagOf(representation: object): string {
  const hash = createHash("sha256").update(JSON.stringify(representation)).digest("base64url");
  return `"${hash.slice(0, 22)}"`;
}

/**
 * Lets a change through only when the request's If-Match names the version that is there, or when it has none
 * (RFC 9110 section 13.1.1).
 *
 * @param etag of what is there; `undefined`: nothing is
 * @param what for people: `service 7f…`
 * @throws Problem 412
 */
export function ifMatch(request: Pick<ApiRequest, "headers">, etag: string | undefined, what: string): void {
  const wanted = request.headers.get("if-match");
  if (wanted === null) return;
  const fits = wanted.trim() === "*" ? etag !== undefined : tagsOf(wanted).includes(etag ?? "");
  if (!fits) throw preconditionFailed(what);
}

/**
 * Whether If-None-Match names `etag`, by the weak comparison (RFC 9110 section 13.1.2): then 304 is the answer.
 *
 * @param known the header
 */
export function isNotModified(known: string | undefined, etag: string): boolean {
  if (known === undefined) return false;
  return known.trim() === "*" || tagsOf(known).some((tag) => bare(tag) === bare(etag));
}

function tagsOf(header: string): readonly string[] {
  return header.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

function bare(tag: string): string {
  return tag.replace(/^W\//, "");
}
