import { HttpError, shownUrl } from "./http-error.ts";

/** One request on the way to an answer. */
export interface Hop {
  method: string;
  url: string;
  /** JSON text. */
  body: string | undefined;
  /** Whether every URL so far had the first one's origin: only then credentials and own headers go along. */
  trusted: boolean;
}

export const mostRedirects = 3;

const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * Where an answer sends `hop` on to (RFC 9110 section 15.4), or `undefined` when it is no redirect.
 *
 * POST becomes GET on 301, 302 and 303, as the standard allows and everybody does. Throws `HTTP_REDIRECT` for
 * what is not followed: no or another `Location` than http(s), user and password in it, from https to http,
 * and a body to another origin.
 */
export function nextHop(hop: Hop, status: number, location: string | null): Hop | undefined {
  if (!redirects.has(status)) return undefined;
  const refuse = (reason: string) =>
    new HttpError("HTTP_REDIRECT", `${shownUrl(hop.url)} redirects ${reason}`, { detail: String(status) });
  const from = new URL(hop.url);
  const to = location === null ? null : URL.parse(location, hop.url);
  if (!to) throw refuse("to nowhere");
  if (to.protocol !== "http:" && to.protocol !== "https:") throw refuse(`to a ${to.protocol} URL`);
  if (to.username !== "" || to.password !== "") throw refuse("to a URL with a user in it");
  if (from.protocol === "https:" && to.protocol === "http:") throw refuse("from https to http");
  to.hash = "";
  const becomesGet = status === 303 || (status < 303 && hop.method === "POST");
  const body = becomesGet ? undefined : hop.body;
  const trusted = hop.trusted && to.origin === from.origin;
  if (!trusted && body !== undefined) throw refuse("a body to another origin");
  return { method: becomesGet ? "GET" : hop.method, url: to.href, body, trusted };
}
