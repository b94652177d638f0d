/**
 * What happens to a request between the router and its handler, in this order: who asks, may they (401, 429, 403), can
 * the answer be made (406), query (400), body (415, 413, 400).
 */
import type { Log } from "../../log.ts";
import type { Principal } from "../types.ts";
import { preferredType } from "./accept.ts";
import { mediaType, parseBody, readBytes } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import { badRequest, Problem } from "./problem.ts";
import { readQuery } from "./query.ts";
import { limitName, type RateLimit } from "./rate-limit.ts";
import { knownProblem, problemReply, reply } from "./reply.ts";
import type { ApiRequest, ApiResponse, Route } from "./route.ts";
import type { ApiServerOptions } from "./types.ts";
import type { Judge } from "./validate.ts";

export interface HandlerTools {
  authenticate: ApiServerOptions["authenticate"];
  /** The common name of the client's certificate. Throws a `Problem` for one that is not to be trusted. */
  certificateName(exchange: Exchange): string | undefined;
  /** The exchange's connection is `name`'s. Throws a `Problem` when there are too many of them. */
  know(exchange: Exchange, name: string): void;
  judgeOf(schema: object): Judge;
  principals: RateLimit;
  /** Requests that nobody answers for. */
  addresses: RateLimit;
  /** Requests with a bad token or secret. */
  failures: RateLimit;
  bodyBytes: number;
  log: Log;
}

export interface Matched {
  route: Route;
  root: string;
  params: Readonly<Record<string, string>>;
  headers: Headers;
  /** {@link answerTypes} of the route. */
  types: readonly string[];
  /** The whole URL, as the client sees it. */
  url: string;
  /** Path with query, for people. */
  target: string;
}

/** Never rejects. */
export async function handle(matched: Matched, exchange: Exchange, tools: HandlerTools): Promise<Response> {
  try {
    const answer = await answerOf(matched, exchange, tools);
    // A wrong secret, by which tokens are to be had.
    if (answer.status === 401) tools.failures.take(addressOf(exchange));
    return reply(answer, exchange, {
      onStreamError: (error) => logDefect(matched, error, tools.log),
    });
  } catch (error) {
    return refusal(error, matched, exchange, tools.log);
  }
}

async function answerOf(matched: Matched, exchange: Exchange, tools: HandlerTools): Promise<ApiResponse> {
  const { route, headers, params, root } = matched;
  const principal = await identify(matched, exchange, tools);
  checkScope(route, principal);
  if (matched.types.length > 0) preferredType(headers, matched.types);
  const url = new URL(matched.url);
  const query = readQuery(url.searchParams, route.query, tools.judgeOf);
  const body = await readBody(route, exchange, tools);
  const request: ApiRequest = {
    principal,
    params,
    query,
    body,
    headers,
    url,
    root,
    get signal() {
      return exchange.signal;
    },
  };
  return route.handle(request);
}

async function identify(
  { route, headers }: Matched,
  exchange: Exchange,
  tools: HandlerTools,
): Promise<Principal | undefined> {
  const address = addressOf(exchange);
  // Where secrets are tried. Elsewhere somebody's wrong tokens do not keep the good ones at the same address away.
  if (route.scope === undefined && route.method !== "get") refuseAfter(tools.failures.wait(address));
  let principal: Principal | undefined;
  try {
    principal = await tools.authenticate({ headers, certificateName: tools.certificateName(exchange) });
  } catch (error) {
    if (error instanceof Problem && error.status === 401) refuseAfter(tools.failures.take(address));
    if (route.scope !== undefined || !(error instanceof Problem)) throw error;
  }
  if (principal) {
    const name = `${principal.kind} ${principal.name}`;
    tools.know(exchange, name);
    refuseAfter(tools.principals.take(name));
  } else refuseAfter(tools.addresses.take(address));
  return principal;
}

function addressOf({ incoming }: Exchange): string {
  return limitName(incoming.socket.remoteAddress);
}

/** @throws Problem 429 (RFC 6585 section 4) */
export function refuseAfter(waitS: number): void {
  if (waitS === 0) return;
  const seconds = String(Math.ceil(waitS));
  throw new Problem(429, "API_TOO_MANY_REQUESTS", "too many requests", {
    hint: `ask again in ${seconds} s`,
    headers: { "retry-after": seconds },
  });
}

/** RFC 6750 section 3. */
function checkScope({ scope }: Route, principal: Principal | undefined): void {
  if (scope === undefined) return;
  if (!principal)
    throw new Problem(401, "API_UNAUTHORIZED", "there is no access token in the request", {
      hint: "send authorization: Bearer …",
      headers: { "www-authenticate": 'Bearer realm="umec"' },
    });
  if (principal.scopes.has(scope)) return;
  const challenge = `Bearer realm="umec", error="insufficient_scope", scope="${scope}"`;
  throw new Problem(403, "API_SCOPE", `the token does not allow ${scope}`, {
    hint: "ask for a token with that scope; the node's target state says which ones the application may have",
    headers: { "www-authenticate": challenge },
  });
}

/** What a success can be made of. */
export function answerTypes({ responses }: Route): string[] {
  const good = Object.entries(responses).filter(([status]) => status.startsWith("2"));
  return good.flatMap(([, { schema, type }]) =>
    type !== undefined ? type.split(",").map((one) => one.trim()) : schema ? ["application/json"] : [],
  );
}

async function readBody(route: Route, { incoming }: Exchange, tools: HandlerTools): Promise<unknown> {
  if (route.body === undefined && route.bodyTypes === undefined) {
    // What nobody reads is drained behind the answer, but not without end.
    if (Number(incoming.headers["content-length"] ?? 0) > tools.bodyBytes)
      await readBytes(incoming, tools.bodyBytes);
    return undefined;
  }
  const type = mediaType(incoming.headers["content-type"]);
  const types = route.bodyTypes ?? ["application/json"];
  const encoding = incoming.headers["content-encoding"];
  if (!types.includes(type) || (encoding !== undefined && encoding !== "identity")) {
    const named = types.filter((one) => one !== "");
    const what = types.includes(type) ? `content-encoding ${encoding}` : `content-type ${type || "(none)"}`;
    throw new Problem(415, "API_MEDIA_TYPE", `${what.slice(0, 200)} is not read here`, {
      hint: `send ${named.join(" or ")}, not encoded`,
      headers: { accept: named.join(", ") },
    });
  }
  const body = parseBody(await readBytes(incoming, tools.bodyBytes), type);
  const reason = route.body && tools.judgeOf(route.body)(body);
  if (reason !== undefined) throw badRequest(`the body: ${reason}`);
  return body;
}

function refusal(error: unknown, matched: Matched, { signal }: Exchange, log: Log): Response {
  const known = knownProblem(error);
  if (known) return problemReply(known, matched.target);
  if (signal.aborted) {
    const gone = new Problem(503, "API_STOPPING", "the API stops, or the client has left");
    return problemReply(gone, matched.target);
  }
  logDefect(matched, error, log);
  return problemReply(defect(), matched.target);
}

export function defect(): Problem {
  return new Problem(500, "API_DEFECT", "the node failed to answer; its log says why");
}

/** For the log: a query may hold what is nobody's business. */
export function pathOf(target: string): string {
  return target.split("?")[0]!.slice(0, 200);
}

function logDefect(matched: Matched, error: unknown, log: Log): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const { operationId } = matched.route;
  log.error("an API request failed", {
    operation: operationId,
    target: matched.target.slice(0, 200),
    error: text,
  });
}
