import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import type { Route } from "./route.ts";
import { familyOf, serveTestApi } from "./test-api.ts";

const making: Route = {
  method: "put",
  path: "/shelves/{shelf}/things/{id}",
  operationId: "putThing",
  summary: "Puts <it> there",
  scope: "mec_iot",
  query: Type.Object({
    n: Type.Integer({ description: "how many" }),
    names: Type.Optional(Type.Array(Type.String())),
  }),
  body: Type.Object({ name: Type.String() }),
  responses: {
    200: {
      description: "put",
      schema: Type.Object({ name: Type.String() }),
      type: "application/json, text/x",
      headers: { ETag: "its version" },
    },
    404: { description: "no such shelf" },
  },
  handle: () => ({ status: 200, body: {} }),
};
const reading: Route = {
  method: "get",
  path: "/open",
  operationId: "getOpen",
  summary: "For all",
  scope: undefined,
  responses: { 204: { description: "nothing" } },
  handle: () => ({ status: 204 }),
};

interface Operation {
  security: unknown[];
  parameters: { name: string; in: string; required: boolean }[];
  requestBody?: unknown;
  responses: Record<string, { content?: Record<string, unknown>; headers?: unknown }>;
}

test("the OpenAPI document says what the routes say, at each root and without a token", async (t) => {
  const family = { ...familyOf(making, reading), roots: ["/t/v1", "/t/v2"] };
  const api = await serveTestApi([family]);
  t.after(() => api.stop());
  const answer = await fetch(`${api.url}/t/v2/openapi.json`);
  assert.equal(answer.status, 200);
  const document = (await answer.json()) as {
    paths: Record<string, Record<string, Operation>>;
    servers: unknown;
  };
  assert.deepEqual(document.servers, [{ url: "/t/v2" }]);
  const put = document.paths["/shelves/{shelf}/things/{id}"]!.put!;
  assert.deepEqual(
    put.parameters.map(({ name, in: place, required }) => [name, place, required]),
    [
      ["shelf", "path", true],
      ["id", "path", true],
      ["n", "query", true],
      ["names", "query", false],
    ],
  );
  assert.deepEqual(put.security, [{ token: ["mec_iot"] }, { certificate: [] }]);
  assert.deepEqual(Object.keys(put.responses[200]!.content!), ["application/json", "text/x"]);
  assert.deepEqual(Object.keys(put.responses[404]!.content!), ["application/problem+json"]);
  for (const status of [400, 401, 403, 413, 414, 415, 429]) assert.ok(put.responses[status], String(status));
  const get = document.paths["/open"]!.get!;
  assert.deepEqual(get.security, []);
  assert.equal(get.requestBody, undefined);
  assert.equal(get.responses[204]!.content, undefined);
  assert.equal(get.responses[401], undefined);
  const same = { headers: { "if-none-match": answer.headers.get("etag")! } };
  assert.equal((await fetch(`${api.url}/t/v2/openapi.json`, same)).status, 304);
});

test("families of one root share its document", async (t) => {
  const api = await serveTestApi([familyOf(making), { ...familyOf(reading), title: "more" }]);
  t.after(() => api.stop());
  const document = (await (await fetch(`${api.url}/t/openapi.json`)).json()) as {
    info: unknown;
    paths: object;
  };
  assert.deepEqual(document.info, { title: "test, more", version: "1" });
  assert.deepEqual(Object.keys(document.paths), [making.path, reading.path]);
});

test("the page lists all, and takes nothing from elsewhere", async (t) => {
  const api = await serveTestApi([familyOf(making, reading)]);
  t.after(() => api.stop());
  const answer = await fetch(`${api.url}/api`);
  assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(
    answer.headers.get("content-security-policy") ?? "",
    /^default-src 'none'; style-src 'sha256-/,
  );
  const html = await answer.text();
  assert.match(html, /PUT \/t\/shelves\/\{shelf\}\/things\/\{id\}<\/code>/);
  assert.match(html, /Puts &#60;it&#62; there/);
  assert.match(html, /href="\/t\/openapi.json"/);
  assert.doesNotMatch(html, /<script|src=|https?:/);
});
