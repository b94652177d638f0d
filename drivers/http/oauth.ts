/**
 * Access tokens by the client credentials grant (RFC 6749 section 4.4), with the package `oauth4webapi`.
 *
 * A token is kept in memory and used until a tenth of its life, but at most a minute, is left: then the next request
 * fetches a new one, before an API can refuse the old one half-way. Requests that need a token at the same time share
 * one fetch. A token that an API refuses with 401 is thrown away; `authorized.ts` asks once more with a new one.
 */
import * as oauth from "oauth4webapi";
import type { Clock, Secrets } from "../../runtime/plugin/sdk.ts";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { type Auth, conceal } from "./auth.ts";
import { HttpError, shownUrl } from "./http-error.ts";
import { readBody } from "./read-body.ts";

export type OAuth = Extract<Auth, { kind: "oauth2" }>;

export interface Token {
  text: string;
  /** Texts that must never be seen. */
  hidden: string[];
}

export interface TokenSource {
  /** The token that holds now. Rejects with `HTTP_TOKEN`, `SECRET_MISSING`, or the reason of `signal`. */
  get(signal: AbortSignal): Promise<Token>;
  /** An API refused this one: it is not given again. */
  refuse(token: string): void;
}

/** A token's answer is short. */
const maxBytes = 65_536;
const timeoutMs = 10_000;
const earliestMs = 60_000;

export function createTokenSource(
  auth: OAuth,
  secrets: Secrets,
  clock: Pick<Clock, "monotonicMs">,
): TokenSource {
  let held: { token: Token; untilMs: number } | undefined;
  let fetching: Promise<Token> | undefined;

  async function renew(): Promise<Token> {
    // Before it is asked for: the token's life begins at the server.
    const askedMs = clock.monotonicMs();
    const { token, lifeMs } = await fetchToken(auth, secrets);
    held = { token, untilMs: askedMs + lifeMs - Math.min(earliestMs, lifeMs / 10) };
    return token;
  }

  return {
    async get(signal) {
      if (held && clock.monotonicMs() < held.untilMs) return held.token;
      fetching ??= renew().finally(() => {
        fetching = undefined;
      });
      return await unlessAborted(fetching, signal);
    },
    refuse(token) {
      if (held?.token.text === token) held = undefined;
    },
  };
}

async function fetchToken(auth: OAuth, secrets: Secrets): Promise<{ token: Token; lifeMs: number }> {
  const { tokenUrl, clientId, clientSecret, clientAuth, scope, parameters } = auth;
  const secret = await secrets.get(clientSecret.secret);
  const server: oauth.AuthorizationServer = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
  const client: oauth.Client = { client_id: clientId };
  const proof = clientAuth === "post" ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret);
  const asked = { ...parameters, ...(scope !== undefined && { scope }) };
  try {
    const response = await oauth.clientCredentialsGrantRequest(server, client, proof, asked, {
      // Where http is allowed at all, check.ts has said so.
      [oauth.allowInsecureRequests]: new URL(tokenUrl).protocol === "http:",
      [oauth.customFetch]: boundedFetch,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer = await oauth.processClientCredentialsResponse(server, client, response);
    const { access_token: text, token_type: type, expires_in: lifeS } = answer;
    if (type !== "bearer") throw new HttpError("HTTP_TOKEN", `a token of type ${type} can't be used`);
    return { token: { text, hidden: [text, secret] }, lifeMs: (lifeS ?? Number.POSITIVE_INFINITY) * 1000 };
  } catch (error) {
    throw noToken(tokenUrl, error, secret);
  }
}

/** `fetch` with an end to what it reads. */
async function boundedFetch(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, options);
  const body = await readBody(response, maxBytes);
  const { status, headers } = response;
  return new Response(status === 204 || status === 304 ? null : new Uint8Array(body), { status, headers });
}

function noToken(tokenUrl: string, error: unknown, secret: string): HttpError {
  const { reason, detail } = reasonOf(error);
  return new HttpError(
    "HTTP_TOKEN",
    conceal(`${shownUrl(tokenUrl)} gives no token: ${reason}`, { hidden: [secret] }),
    {
      detail,
      hint: "check tokenUrl, clientId and the secret that clientSecret names",
    },
  );
}

/** Only what the server is meant to say: other messages can hold headers. */
function reasonOf(error: unknown): { reason: string; detail: string } {
  if (error instanceof oauth.ResponseBodyError) {
    const { error: code, error_description: text } = error;
    return { reason: text === undefined ? code : `${code}: ${text.slice(0, 160)}`, detail: code };
  }
  if (error instanceof oauth.WWWAuthenticateChallengeError)
    return { reason: `it answers ${error.status}`, detail: String(error.status) };
  if (isUmecError(error)) return { reason: error.message, detail: error.code };
  if (error instanceof Error && error.name === "TimeoutError")
    return { reason: `no answer within ${timeoutMs} ms`, detail: "timeout" };
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  if (error instanceof oauth.OperationProcessingError)
    return { reason: `its answer is none (${error.code})`, detail: String(error.code) };
  return { reason: code === "" ? "no reason given" : code, detail: code };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: first, resolve, reject } = Promise.withResolvers<T>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  promise.then(resolve, reject);
  return first.finally(() => signal.removeEventListener("abort", abort));
}
