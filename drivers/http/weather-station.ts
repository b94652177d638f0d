/**
 * A weather station's REST API on loopback, for tests, the demo and the tutorial: a real HTTP server.
 *
 *     await using station = await startWeatherStation({ token: "s3cret" });
 *     station.observe({ temperature: 21.5 });
 *     station.misbehave({ kind: "status", status: 503, retryAfter: "120" });
 *     const { headers } = await station.nextRequest();
 *
 * | request | answer |
 * |---|---|
 * | `GET /v1/observation` | the newest observation; `ETag`, `Last-Modified`, 304 |
 * | `GET /v1/stations` | `{ "stations": [{ "name", "observedAt", "temperature", ... }, ...] }`, the same way |
 * | `GET /v1/stations?limit=1` | in pages: the next one is in `Link` and, as `cursor`, in `next` |
 * | `POST /v1/heater` | takes `{ "on": boolean }`, answers `{ "heater": boolean }`; seen at once |
 * | `POST /oauth/token` | a token for the client of `oauth` |
 *
 * By `push` it tells an observation to a webhook.
 *
 * Observations come by the clock, one every `everyMs`, and are only made when somebody asks: an idle station does
 * nothing. `observe` makes one at once.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { type Fault, misbehave } from "./weather-faults.ts";
import { type Authorizer, createAuthorizer, type StationOAuth } from "./weather-oauth.ts";
import { type PushOptions, push } from "./weather-push.ts";
import { type NextValues, type Observation, type Values, weatherFrom } from "./weather-values.ts";

export type { Fault } from "./weather-faults.ts";
export type { Observation, Values } from "./weather-values.ts";

export interface WeatherStationOptions {
  /** Seed of the weather. @default 1 */
  seed?: number;
  /** Gives the values instead of the seed. */
  values?: NextValues;
  /** Milliseconds between observations; `Infinity` for none but those of `observe`. @default 60_000 */
  everyMs?: number;
  /** Unix time in milliseconds. @default Date.now */
  nowMs?: () => number;
  /** Bearer token that is asked for. @default none */
  token?: string;
  /** A client that may fetch tokens; these are asked for then, or `token`. @default none */
  oauth?: StationOAuth;
  /** @default 0, any free port of 127.0.0.1 */
  port?: number;
}

export interface SeenRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingHttpHeaders;
}

export interface WeatherStation extends AsyncDisposable {
  /** Origin: `http://127.0.0.1:port`. */
  readonly url: string;
  /** All requests since the start, the newest last; of more than a thousand the oldest are forgotten. */
  readonly requests: readonly SeenRequest[];
  /** How many requests came in all. */
  readonly count: number;
  /** The next request that comes after this call and fits. */
  nextRequest(fits?: (request: SeenRequest) => boolean): Promise<SeenRequest>;
  /** Makes a new observation at once; `values` are taken over into it. */
  observe(values?: Partial<Values>): Observation;
  /** The next `times` answers (@default 1) go wrong so, behind those of earlier calls. */
  misbehave(fault: Fault, times?: number): void;
  /** Ends all faults that were asked for. */
  behave(): void;
  /** Posts the newest observation to a webhook. */
  push(url: string, options?: PushOptions): Promise<Response>;
  /** Its tokens of OAuth. */
  readonly authorizer: Pick<Authorizer, "revoke" | "given">;
}

export async function startWeatherStation({
  seed = 1,
  values: nextValues = weatherFrom(seed),
  everyMs = 60_000,
  nowMs = Date.now,
  token,
  oauth,
  port = 0,
}: WeatherStationOptions = {}): Promise<WeatherStation> {
  const requests: SeenRequest[] = [];
  const waiting = new Set<(request: SeenRequest) => void>();
  const authorizer = createAuthorizer(oauth, nowMs);
  const faults: { fault: Fault; left: number }[] = [];
  let count = 0;
  let heater = false;
  let values: Values = nextValues(nowMs(), undefined);
  let observedMs = nowMs();

  function observe(given: Partial<Values> = {}, atMs = nowMs()): Observation {
    values = { ...nextValues(atMs, values), ...given };
    // Two observations never share a time.
    observedMs = Math.max(atMs, observedMs + 1);
    return observation();
  }

  function observation(): Observation {
    return { observedAt: new Date(observedMs).toISOString(), ...values, heater };
  }

  function document(path: string): unknown {
    const agoMs = nowMs() - observedMs;
    if (agoMs >= everyMs) observe({}, observedMs + everyMs * Math.floor(agoMs / everyMs));
    if (path === "/v1/observation") return observation();
    const south = { ...observation(), temperature: Number((values.temperature + 1.5).toFixed(1)) };
    return {
      stations: [
        { name: "north", ...observation() },
        { name: "south", ...south },
      ],
    };
  }

  function modified(): string {
    return new Date(observedMs).toUTCString();
  }

  function note({ method = "", url = "", headers }: IncomingMessage): SeenRequest {
    const seen: SeenRequest = { method, path: url, headers };
    count += 1;
    requests.push(seen);
    if (requests.length > 1_000) requests.shift();
    for (const resolve of waiting) resolve(seen);
    return seen;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, path, headers } = note(request);
    const { pathname } = new URL(path, "http://station");
    const well = (change: { document?: unknown; contentType?: string } = {}): void => {
      if (method === "POST" && pathname === "/oauth/token") {
        void authorizer.token(request, response);
      } else if (!isKnown(headers.authorization)) {
        response.setHeader("www-authenticate", "Bearer");
        sendProblem(response, 401, "the token is missing or wrong");
      } else if (method === "POST" && pathname === "/v1/heater") {
        void setHeater(request, response);
      } else if (pathname === "/v1/observation" || pathname === "/v1/stations") {
        const page = pageOf(document(pathname), new URL(path, "http://station"), response);
        sendDocument(headers, response, { document: page, modified: modified(), ...change });
      } else {
        sendProblem(response, 404, "no such resource");
      }
    };
    const [first] = faults;
    if (!first) return well();
    first.left -= 1;
    if (first.left === 0) faults.shift();
    misbehave(first.fault, response, well);
  }

  function isKnown(authorization: string | undefined): boolean {
    if (token === undefined && oauth === undefined) return true;
    return authorization === `Bearer ${token}` || authorizer.knows(authorization);
  }

  async function setHeater(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wish = (await json(request).catch(() => undefined)) as { on?: unknown } | undefined;
    if (typeof wish?.on !== "boolean") return sendProblem(response, 422, "on must be true or false");
    heater = wish.on;
    observe(values);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ heater }));
  }

  const server = createServer((request, response) => void answer(request, response));
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject).listen(port, "127.0.0.1", listening.resolve);
  await listening.promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get count() {
      return count;
    },
    nextRequest(fits = () => true) {
      const { promise, resolve } = Promise.withResolvers<SeenRequest>();
      const look = (request: SeenRequest): void => {
        if (!fits(request)) return;
        waiting.delete(look);
        resolve(request);
      };
      waiting.add(look);
      return promise;
    },
    observe: (given) => observe(given),
    misbehave: (fault, times = 1) => void faults.push({ fault, left: times }),
    behave: () => void faults.splice(0),
    push: (url, options) => push(url, observation(), options),
    authorizer,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

/** The part of a list that `limit` and `cursor` ask for; tells the next one in `Link` (RFC 8288) and in `next`. */
function pageOf(document: unknown, { pathname, searchParams }: URL, response: ServerResponse): unknown {
  const limit = Number(searchParams.get("limit") ?? Number.POSITIVE_INFINITY);
  const { stations } = document as { stations?: unknown[] };
  if (!stations || !(limit < stations.length)) return document;
  const from = Number(searchParams.get("cursor") ?? 0);
  const to = from + limit;
  if (to >= stations.length) return { stations: stations.slice(from), next: null };
  response.setHeader("link", `<${pathname}?limit=${limit}&cursor=${to}>; rel="next"`);
  return { stations: stations.slice(from, to), next: String(to) };
}

interface Representation {
  document: unknown;
  /** An HTTP date. */
  modified: string;
  contentType?: string;
}

/** With validators, and as a 304 when the client has it (RFC 9110 section 13.2.2). */
function sendDocument(headers: IncomingHttpHeaders, response: ServerResponse, content: Representation): void {
  const { document, modified, contentType = "application/json" } = content;
  const body = JSON.stringify(document);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 16)}"`;
  response.setHeader("etag", etag).setHeader("last-modified", modified);
  const known = headers["if-none-match"];
  if (known?.split(/\s*,\s*/).includes(etag)) return void response.writeHead(304).end();
  response.writeHead(200, { "content-type": contentType }).end(body);
}

/** RFC 9457. */
function sendProblem(response: ServerResponse, status: number, title: string): void {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ status, title }));
}
