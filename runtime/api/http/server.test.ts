import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { forbidden } from "./problem.ts";
import type { Route } from "./route.ts";
import { appPrincipal, familyOf, serveTestApi } from "./test-api.ts";

const bearer = { authorization: "Bearer tester" };
const json = { ...bearer, "content-type": "application/json" };

const thing: Route = {
  method: "get",
  path: "/things/{id}",
  operationId: "getThing",
  summary: "a thing",
  scope: "mec_iot",
  query: Type.Object({
    n: Type.Optional(Type.Integer({ minimum: 0 })),
    all: Type.Optional(Type.Boolean()),
    names: Type.Optional(Type.Array(Type.String())),
  }),
  responses: { 200: { description: "it", schema: Type.Unknown() } },
  handle: ({ params, query, principal, url, root }) => ({
    status: 200,
    headers: { etag: '"1"' },
    body: { id: params.id, query, who: principal?.name, origin: url.origin, root },
  }),
};

const making: Route = {
  method: "post",
  path: "/things",
  operationId: "makeThing",
  summary: "makes one",
  scope: "mec_iot",
  body: Type.Object({ name: Type.String({ maxLength: 5 }), kind: Type.Optional(Type.Enum(["a", "b"])) }),
  responses: { 201: { description: "made", schema: Type.Unknown() } },
  handle: ({ body, url }) => ({ status: 201, headers: { location: `${url.href}/1` }, body }),
};

async function problemOf(answer: Response): Promise<Record<string, unknown>> {
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  const problem = (await answer.json()) as Record<string, unknown>;
  assert.equal(problem.status, answer.status);
  return problem;
}

test("a route answers under each root, with its parameters", async (t) => {
  const family = { ...familyOf(thing, making), roots: ["/t/v1", "/t/v2"] };
  const api = await serveTestApi([family]);
  t.after(() => api.stop());
  const path = "things/a%2Fb%20c?n=3&all=true&names=x,y&names=z";
  const answer = await fetch(`${api.url}/t/v2/${path}`, { headers: bearer });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.deepEqual(await answer.json(), {
    id: "a/b c",
    query: { n: 3, all: true, names: ["x", "y", "z"] },
    who: "tester",
    origin: api.url,
    root: "/t/v2",
  });
  const made = await fetch(`${api.url}/t/v1/things`, { method: "POST", headers: json, body: '{"name":"n"}' });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get("location"), `${api.url}/t/v1/things/1`);
});

test("query and body are refused with the place and the reason", async (t) => {
  const api = await serveTestApi([familyOf(thing, making)]);
  t.after(() => api.stop());
  const queries = {
    "?x=1": /"x" is not known/,
    "?n=a": /\/n: "a" must be integer/,
    "?n=-1": /\/n: -1 must be >= 0/,
    "?n=1&n=2": /n is given 2 times/,
    "?all=yes": /\/all: "yes" must be boolean/,
  };
  for (const [query, detail] of Object.entries(queries)) {
    const problem = await problemOf(await fetch(`${api.url}/t/things/1${query}`, { headers: bearer }));
    assert.equal(problem.status, 400);
    assert.match(String(problem.detail), detail);
    assert.equal(problem.instance, `/t/things/1${query}`);
  }
  const bodies = {
    "": /empty/,
    "{": /no JSON/,
    "[]": /must be object/,
    "{}": /name is missing/,
    '{"name":"much too long"}': /\/name: "much too long" must NOT have more than 5/,
    '{"name":"n","kind":"c"}': /\/kind: "c" is none of "a", "b"/,
    '{"name":"n","\\u005f_proto__":{}}': /__proto__/,
    '{"name":"\\ud800"}': /half of a surrogate pair/,
    [`{"name":${"[".repeat(100)}`]: /deeper than 32/,
  };
  for (const [body, detail] of Object.entries(bodies)) {
    const problem = await problemOf(
      await fetch(`${api.url}/t/things`, { method: "POST", headers: json, body }),
    );
    assert.equal(problem.status, 400, body);
    assert.match(String(problem.detail), detail);
  }
  const binary = Uint8Array.of(0x7b, 0xff);
  const answer = await fetch(`${api.url}/t/things`, { method: "POST", headers: json, body: binary });
  assert.match(String((await problemOf(answer)).detail), /UTF-8/);
});

test("who may not is refused: 401 with a challenge, 403 by scope and by the handler", async (t) => {
  const refusing: Route = {
    ...thing,
    path: "/refused",
    handle() {
      throw forbidden("not yours");
    },
  };
  const reader = appPrincipal("reader", { scopes: new Set(["things_read"]) });
  const api = await serveTestApi([familyOf(thing, refusing)], [reader, appPrincipal("tester")]);
  t.after(() => api.stop());
  const ask = (path: string, token?: string) =>
    fetch(`${api.url}${path}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
  const nobody = await ask("/t/things/1");
  assert.equal((await problemOf(nobody)).code, "API_UNAUTHORIZED");
  assert.equal(nobody.headers.get("www-authenticate"), 'Bearer realm="umec"');
  assert.equal((await problemOf(await ask("/t/things/1", "stranger"))).status, 401);
  const narrow = await ask("/t/things/1", "reader");
  assert.equal((await problemOf(narrow)).code, "API_SCOPE");
  assert.match(narrow.headers.get("www-authenticate") ?? "", /error="insufficient_scope", scope="mec_iot"/);
  assert.equal((await problemOf(await ask("/t/refused", "tester"))).detail, "not yours");
});

test("paths, methods, types, sizes", async (t) => {
  const api = await serveTestApi([familyOf(thing, making)], undefined, {
    limits: { bodyBytes: 100, requestsPerS: 1000 },
  });
  t.after(() => api.stop());
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${api.url}${path}`, { ...init, headers: { ...bearer, ...init.headers } });
  assert.equal((await problemOf(await ask("/nowhere"))).status, 404);
  const wrong = await ask("/t/things", { method: "DELETE" });
  assert.equal((await problemOf(wrong)).status, 405);
  assert.equal(wrong.headers.get("allow"), "POST, OPTIONS");
  const options = await ask("/t/things/1", { method: "OPTIONS" });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get("allow"), "GET, HEAD, OPTIONS");
  const head = await ask("/t/things/1", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("etag"), await head.text()], [200, '"1"', ""]);
  assert.equal((await problemOf(await ask(`/t/things/${"x".repeat(9000)}`))).status, 414);
  assert.equal((await problemOf(await ask(`/t/things/${"x".repeat(40_000)}`))).status, 414);
  assert.equal(
    (await problemOf(await ask("/t/things/1", { headers: { x: "y".repeat(40_000) } }))).status,
    431,
  );
  assert.equal((await problemOf(await ask("/t/things/1", { headers: { accept: "text/html" } }))).status, 406);
  const unmade = { method: "POST", body: "name=x", headers: { "content-type": "text/plain" } };
  assert.equal((await problemOf(await ask("/t/things", unmade))).status, 415);
  const body = JSON.stringify({ name: "x".repeat(200) });
  assert.equal(
    (await problemOf(await ask("/t/things", { method: "POST", headers: json, body }))).status,
    413,
  );
  const stream = new ReadableStream({
    pull(controller) {
      controller.enqueue(Buffer.alloc(65_536, " "));
    },
  });
  const chunked = { method: "POST", headers: json, body: stream, duplex: "half" } as RequestInit;
  assert.equal((await problemOf(await ask("/t/things", chunked))).status, 413);
});

test("a version that the client has is not sent again", async (t) => {
  const api = await serveTestApi([familyOf(thing)]);
  t.after(() => api.stop());
  const ask = (tag: string) =>
    fetch(`${api.url}/t/things/1`, { headers: { ...bearer, "if-none-match": tag } });
  const same = await ask('"0", W/"1"');
  assert.deepEqual([same.status, same.headers.get("etag"), await same.text()], [304, '"1"', ""]);
  assert.equal((await ask('"2"')).status, 200);
});
