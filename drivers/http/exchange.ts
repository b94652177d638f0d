/**
 * One request with all that can come between it and its answer: redirects, time and size.
 *
 * Promises: it ends within `timeoutMs`, whatever the server does; at most `maxBytes` of a body are held; no
 * credentials, no header of the user's and no body reach another origin than that of `url`; and its errors show
 * neither secrets nor queries, since nothing that `fetch` itself says is passed on.
 */
import type { Credentials } from "./auth.ts";
import { preconditions, type Validators } from "./conditional.ts";
import { HttpError, shownUrl } from "./http-error.ts";
import { discard, readBody } from "./read-body.ts";
import { type Hop, mostRedirects, nextHop } from "./redirect.ts";

export interface HttpRequest {
  url: string;
  method: string;
  headers: Readonly<Record<string, string>>;
  /** A JSON value; `undefined` for none. */
  body?: unknown;
  credentials: Credentials;
  validators?: Validators | undefined;
  timeoutMs: number;
  maxBytes: number;
  /** Whether the body of an answer with this status and content type is wanted. */
  wantsBody(status: number, contentType: string): boolean;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: Headers;
  /** The URL that answered, behind all redirects. */
  url: string;
  /** Whether it was asked with {@link preconditions}. */
  conditional: boolean;
  /** Empty when it was not wanted. */
  body: Buffer;
}

/** Rejects with {@link HttpError}, or with the reason of `signal`. */
export async function exchange(request: HttpRequest): Promise<HttpAnswer> {
  const { url, timeoutMs, signal } = request;
  signal.throwIfAborted();
  const ended = new AbortController();
  const late = () =>
    new HttpError("HTTP_TIMEOUT", `no whole answer from ${shownUrl(url)} within ${timeoutMs} ms`);
  const timer = setTimeout(() => ended.abort(late()), timeoutMs);
  const stop = () => ended.abort(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    return await follow(request, ended.signal);
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

async function follow(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  let hop: Hop = {
    method: request.method,
    url: withQuery(request.url, request.credentials.query),
    body: request.body === undefined ? undefined : JSON.stringify(request.body),
    trusted: true,
  };
  for (let redirects = 0; ; redirects += 1) {
    const asked = hop.method === "GET" ? preconditions(request.validators, hop.url) : {};
    const response = await send(hop, { ...headersFor(hop, request), ...asked }, signal);
    const { status, headers } = response;
    const next = nextHopOf(hop, response);
    if (next === undefined) {
      const body = await bodyOf(response, request);
      return { status, headers, url: hop.url, conditional: Object.keys(asked).length > 0, body };
    }
    await discard(response);
    if (redirects === mostRedirects) {
      const reason = `more than ${mostRedirects} redirects from ${shownUrl(request.url)}`;
      throw new HttpError("HTTP_REDIRECT", reason, { detail: "too-many" });
    }
    hop = next;
  }
}

function nextHopOf(hop: Hop, response: Response): Hop | undefined {
  try {
    return nextHop(hop, response.status, response.headers.get("location"));
  } catch (error) {
    void discard(response);
    throw error;
  }
}

function headersFor(hop: Hop, { headers, credentials }: HttpRequest): Record<string, string> {
  const own = hop.trusted ? { ...lowerCase(headers), ...credentials.headers } : {};
  const type = hop.body === undefined ? {} : { "content-type": "application/json" };
  return { accept: "application/json", "user-agent": "umec-http", ...type, ...own };
}

async function send(hop: Hop, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  const { method, url, body } = hop;
  try {
    return await fetch(url, { method, headers, body: body ?? null, redirect: "manual", signal });
  } catch (error) {
    throw failure("HTTP_UNREACHABLE", `no answer from ${shownUrl(url)}`, error);
  }
}

async function bodyOf(response: Response, { wantsBody, maxBytes }: HttpRequest): Promise<Buffer> {
  if (!wantsBody(response.status, response.headers.get("content-type") ?? "")) {
    await discard(response);
    return Buffer.alloc(0);
  }
  try {
    return await readBody(response, maxBytes);
  } catch (error) {
    // A refusal counts by its status, whatever comes with it.
    if (error instanceof HttpError && !response.ok) return Buffer.alloc(0);
    if (error instanceof HttpError) throw error;
    throw failure("HTTP_INTERRUPTED", `the answer of ${shownUrl(response.url)} broke off`, error);
  }
}

/** Only the system's code is told: the messages of `fetch` can hold headers. */
function failure(code: `HTTP_${string}`, what: string, error: unknown): HttpError {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  const given = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  const detail = given === "" ? "no reason given" : given;
  return new HttpError(code, `${what} (${detail})`, { detail });
}

function withQuery(url: string, query: Readonly<Record<string, string>>): string {
  const full = new URL(url);
  for (const [name, value] of Object.entries(query)) full.searchParams.set(name, value);
  full.hash = "";
  return full.href;
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
