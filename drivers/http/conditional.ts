/** What an answer said that lets us ask later whether anything is new (RFC 9110 section 8.8). */
export interface Validators {
  /** The URL that answered: validators mean nothing elsewhere (RFC 9111 section 4). */
  url: string;
  etag?: string;
  lastModified?: string;
}

/** The validators of an answer; `undefined` without any, or under `no-store` (RFC 9111 section 5.2.2.5). */
export function validatorsOf(url: string, headers: Headers): Validators | undefined {
  const directives = (headers.get("cache-control") ?? "").toLowerCase().split(",");
  if (directives.some((directive) => directive.trim() === "no-store")) return undefined;
  const etag = headers.get("etag");
  const lastModified = headers.get("last-modified");
  if (!etag && !lastModified) return undefined;
  return { url, ...(etag && { etag }), ...(lastModified && { lastModified }) };
}

/**
 * The preconditions of a GET for `url` (RFC 9110 sections 13.1.2 and 13.1.3). Both are sent when both are known,
 * for caches that know one only (RFC 9111 section 4.3.1).
 */
export function preconditions(validators: Validators | undefined, url: string): Record<string, string> {
  if (validators?.url !== url) return {};
  const { etag, lastModified } = validators;
  return {
    ...(etag && { "if-none-match": etag }),
    ...(lastModified && { "if-modified-since": lastModified }),
  };
}
