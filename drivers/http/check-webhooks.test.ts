import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "./check.ts";
import { isLoopback } from "./check-webhooks.ts";
import { pluginOptions, requestOptions, webhookOptions } from "./fixtures/poll-bench.ts";
import type { HttpOptions, RequestOptions } from "./options.ts";

const rule = { coerce: false, scale: 1, offset: 0, required: true, pointer: "/a", type: "number" } as const;
const hook = webhookOptions({
  auth: { kind: "bearer", token: { secret: "t" } },
  points: { t: rule },
});
const open = { ...hook, auth: { kind: "none" } } as const;
const check = (given: Partial<HttpOptions>) => checkOptions(pluginOptions(given.requests ?? {}, given));
const pointers = (given: Partial<HttpOptions>) => check(given).map(({ pointer }) => pointer);
const url = "https://api.example/v1";

test("a webhook without a secret is for this machine alone", () => {
  assert.deepEqual(pointers({ webhooks: { a: open } }), []);
  assert.deepEqual(pointers({ webhooks: { a: hook }, listen: { address: "0.0.0.0", port: 1 } }), []);
  for (const address of ["0.0.0.0", "::", "192.0.2.7"])
    assert.deepEqual(pointers({ webhooks: { a: hook, b: open }, listen: { address, port: 1 } }), [
      "/webhooks/b/auth",
    ]);
  assert.deepEqual(pointers({ webhooks: { a: hook }, listen: { address: "eth0", port: 1 } }), [
    "/listen/address",
  ]);
});

test("names and paths are there once, and a webhook uses something", () => {
  const requests = { a: requestOptions({ url }) };
  assert.deepEqual(pointers({ requests, webhooks: { a: hook } }), ["/webhooks/a"]);
  assert.deepEqual(pointers({ webhooks: { a: hook, b: { ...hook, path: "/a" } } }), ["/webhooks/b/path"]);
  assert.deepEqual(pointers({ webhooks: { a: { ...hook, points: {} } } }), ["/webhooks/a"]);
  assert.deepEqual(pointers({}), [""]);
});

test("what belongs to one machine", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
    assert.ok(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "128.0.0.1", "localhost.example"]) assert.ok(!isLoopback(host), host);
});

test("a client's secret is not sent in the clear, and pages need a list", () => {
  const auth = (tokenUrl: string): RequestOptions["auth"] => ({
    kind: "oauth2",
    tokenUrl,
    clientId: "c",
    clientSecret: { secret: "s" },
    clientAuth: "basic",
    parameters: {},
  });
  const at = (given: Partial<RequestOptions>) =>
    pointers({ requests: { r: requestOptions({ url, ...given }) } });
  assert.deepEqual(at({ auth: auth("https://login.example/token") }), []);
  assert.deepEqual(at({ auth: auth("http://127.0.0.1:8099/token") }), []);
  assert.deepEqual(at({ auth: auth("http://login.example/token") }), ["/requests/r/auth/tokenUrl"]);
  assert.deepEqual(at({ auth: auth("https://u:p@login.example/token") }), ["/requests/r/auth/tokenUrl"]);
  assert.deepEqual(at({ pages: { kind: "link", limit: 3 } }), ["/requests/r/pages"]);
});
