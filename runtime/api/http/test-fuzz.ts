/**
 * For tests: many requests to a family's routes, most of them wrong in one place; bodies, parameters, queries, headers.
 * Each answer must be one that the route declares (or the server gives for all), in the form that it declares; none may be
 * a 5xx. Memory may not grow with the number of requests.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ApiFamily, Route } from "./route.ts";
import { createRandom, fitting, mutated, oneOf, type Random } from "./test-random.ts";
import { createJudges, type Judge } from "./validate.ts";

export interface FuzzOptions {
  /** Of the server, in the clear. */
  url: string;
  family: ApiFamily;
  /** Who asks. */
  headers: Readonly<Record<string, string>>;
  /** Values of path parameters that lead somewhere; those that answers name are added. */
  params?: Readonly<Record<string, readonly string[]>>;
  /** Bodies that fit, by operation, for what a schema does not say; they are changed, too. */
  bodies?: Readonly<Record<string, readonly unknown[]>>;
  /** Operations that are not to be called. */
  except?: readonly string[];
  /** @default `UMEC_FUZZ_REQUESTS`, or 2,000 */
  requests?: number;
  /** @default 1 */
  seed?: number;
  /** What the heap may have grown by, from a fifth of the requests on. @default 16 MiB */
  heapBytes?: number;
}

export interface FuzzReport {
  requests: number;
  /** How many answers there were of each status, by operation. */
  statuses: Readonly<Record<string, Readonly<Record<number, number>>>>;
  seed: number;
  /** What the heap grew by. */
  grownBytes: number;
}

const together = 4;
const mostIds = 30;
/** What the server gives for any route. */
const always = [304, 400, 401, 403, 404, 405, 406, 412, 413, 414, 415, 429, 431];

export async function fuzzFamily(options: FuzzOptions): Promise<FuzzReport> {
  const { family, seed = 1, heapBytes = 16 * 1024 * 1024, except = [] } = options;
  const requests = options.requests ?? Number(process.env.UMEC_FUZZ_REQUESTS ?? 2000);
  const routes = family.routes.filter(({ operationId }) => !except.includes(operationId));
  const random = createRandom(seed);
  const judgeOf = createJudges();
  const agent = new Agent({ keepAlive: true, maxSockets: together });
  const ids: string[] = [];
  const statuses: Record<string, Record<number, number>> = {};
  let sent = 0;
  let heapBefore = 0;

  async function ask(): Promise<void> {
    const route = oneOf(random, routes);
    const shot = makeShot(random, route, oneOf(random, family.roots), options, ids);
    const answer = await send(shot, options, agent);
    const { [route.operationId]: counts = {} } = statuses;
    statuses[route.operationId] = { ...counts, [answer.status]: (counts[answer.status] ?? 0) + 1 };
    check(shot, route, answer, judgeOf);
    learn(answer, ids, random);
  }

  async function worker(): Promise<void> {
    while (sent < requests) {
      sent++;
      if (sent === Math.floor(requests / 5)) heapBefore = heapUsed();
      await ask();
    }
  }
  try {
    await Promise.all(Array.from({ length: together }, worker));
  } finally {
    agent.destroy();
  }
  const grownBytes = heapUsed() - heapBefore;
  assert.ok(grownBytes < heapBytes, `the heap grew by ${grownBytes} bytes in ${requests} requests`);
  return { requests, statuses, seed, grownBytes };
}

interface Shot {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

function makeShot(
  random: Random,
  route: Route,
  root: string,
  options: FuzzOptions,
  ids: readonly string[],
): Shot {
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const given = options.params?.[name] ?? [];
    const known = given.length > 0 && random() < 0.7 ? given : ids;
    const text = known.length > 0 && random() < 0.85 ? oneOf(random, known) : oneOf(random, segments);
    return encodeURIComponent(text) || "x";
  });
  const headers: Record<string, string> = { ...options.headers };
  if (random() < 0.1)
    headers[oneOf(random, ["if-match", "if-none-match", "accept", "x"])] = oneOf(random, headerValues);
  const shot: Shot = {
    method: route.method.toUpperCase(),
    path: root + path + queryOf(random, route),
    headers,
    body: undefined,
  };
  const type = route.body ? oneOf(random, route.bodyTypes ?? ["application/json"]) : undefined;
  if (type === undefined) return shot;
  const samples = options.bodies?.[route.operationId];
  const fits = samples && random() < 0.8 ? oneOf(random, samples) : fitting(random, route.body as object);
  const value = random() < 0.7 ? mutated(random, fits) : fits;
  headers["content-type"] = random() < 0.02 ? "text/plain" : type;
  shot.body = bodyOf(random, value, type);
  return shot;
}

const segments = ["x", "..", "a/b", "%", "\u0000", "constructor", "__proto__", "x".repeat(600), "ä", " "];
const headerValues = ["*", '"x"', 'W/"x"', "x", "", "application/json;q=0", "text/html, */*;q=0.1", '"'];

function queryOf(random: Random, { query }: Route): string {
  const given = new URLSearchParams();
  const value = query ? (fitting(random, query as object) as Record<string, unknown>) : {};
  for (const [name, one] of Object.entries(value))
    given.append(name, textOf(random() < 0.3 ? mutated(random, one) : one).slice(0, 500));
  if (random() < 0.05) given.append(oneOf(random, ["x", "constructor", "", "access_token"]), "x");
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

/** As a parameter has it. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(",");
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function bodyOf(random: Random, value: unknown, type: string): Buffer {
  if (type === "application/x-www-form-urlencoded") {
    const form = new URLSearchParams();
    for (const [name, one] of Object.entries(Object(value))) form.append(name, textOf(one));
    return Buffer.from(form.toString());
  }
  const bytes = Buffer.from(JSON.stringify(value) ?? "");
  const dice = random();
  if (dice < 0.03) return bytes.subarray(0, Math.floor(random() * bytes.length));
  if (dice < 0.06 && bytes.length > 0)
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  return bytes;
}

interface Answer {
  status: number;
  type: string;
  location: string | undefined;
  /** Absent: it was a stream. */
  body: Buffer | undefined;
}

async function send(
  { method, path, headers, body }: Shot,
  { url }: FuzzOptions,
  agent: Agent,
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const signal = AbortSignal.timeout(20_000);
  const asking = request({ hostname, port, method, path, headers, agent, signal });
  asking.end(body);
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  const type = answer.headers["content-type"] ?? "";
  const isStream = /^(text\/event-stream|multipart\/)/.test(type);
  if (isStream) answer.destroy();
  const content = isStream ? undefined : await buffer(answer);
  return { status: answer.statusCode!, type, location: answer.headers.location, body: content };
}

function check(
  shot: Shot,
  route: Route,
  { status, type, body }: Answer,
  judgeOf: (schema: object) => Judge,
): void {
  const { method, path } = shot;
  const said = body?.toString().slice(0, 1000);
  const story = `${method} ${path} ${shot.body?.toString().slice(0, 1000) ?? ""}\n${status} ${type} ${said}`;
  assert.ok(status < 500, story);
  const declared = route.responses[status];
  assert.ok(declared || always.includes(status), `it does not declare this status: ${story}`);
  if (type === "application/problem+json") {
    const problem = JSON.parse(body!.toString()) as Record<string, unknown>;
    assert.equal(problem.status, status, story);
    assert.equal(typeof problem.detail, "string", story);
  } else if (declared?.schema && body && /json\b/.test(type)) {
    const reason = judgeOf(declared.schema)(JSON.parse(body.toString()));
    assert.equal(reason, undefined, story);
  } else assert.ok(status < 400 || declared?.schema, `a refusal that is no problem: ${story}`);
}

/** Names in answers lead to more. */
function learn({ status, location, body }: Answer, ids: string[], random: Random): void {
  if (status >= 300) return;
  const text = `${location ?? ""} ${body?.toString().slice(0, 20_000) ?? ""}`;
  const found = text.match(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g) ?? [];
  const last = location?.split("/").at(-1);
  for (const id of [...(last ? [decodeURIComponent(last)] : []), ...found.slice(-3)]) {
    if (ids.includes(id)) continue;
    if (ids.length < mostIds) ids.push(id);
    else ids[Math.floor(random() * ids.length)] = id;
  }
}

function heapUsed(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
