import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions, pointsOf } from "./check.ts";
import driver from "./driver.ts";
import { pluginOptions, requestOptions } from "./fixtures/poll-bench.ts";
import type { RequestOptions } from "./options.ts";

const url = "https://api.example/v1";
const check = (given: Partial<RequestOptions>) =>
  checkOptions(pluginOptions({ r: requestOptions({ url, ...given }) }));
const rule = { coerce: false, scale: 1, offset: 0, required: true, pointer: "/a" };
const command = { url, method: "POST", headers: {} } as const;

test("sound options have no findings", () => {
  const given: Partial<RequestOptions> = {
    headers: { "X-Site": "north 7" },
    auth: { kind: "bearer", token: { secret: "t" } },
    points: { t: { ...rule, type: "number", scale: 0.1 } },
    commands: { on: command },
  };
  assert.deepEqual(check(given), []);
});

test("user and password in a URL are refused, and not repeated", () => {
  for (const bad of [
    "https://user:hush@api.example/",
    "https://user@api.example/",
    "https://:hush@api.example/",
  ]) {
    const findings = check({ url: bad });
    assert.equal(findings[0]?.pointer, "/requests/r/url");
    assert.ok(!JSON.stringify(findings).includes("hush"));
    assert.equal(
      check({ commands: { "a/b": { ...command, url: bad } } })[0]?.pointer,
      "/requests/r/commands/a~1b/url",
    );
  }
});

test("a URL that can't be read is refused", () => {
  assert.deepEqual(check({ url: "http://[" }), [{ pointer: "/requests/r/url", reason: "is no URL" }]);
});

test("headers with secrets, of the driver's own or with line breaks are refused", () => {
  const headers = {
    Authorization: "Bearer x",
    cookie: "a=b",
    Host: "b.example",
    "X-A": "b\r\nX-B: c",
    "X-Ok": "",
  };
  assert.deepEqual(
    check({ headers }).map(({ pointer }) => pointer),
    ["Authorization", "cookie", "Host", "X-A"].map((name) => `/requests/r/headers/${name}`),
  );
});

test("what has no meaning is refused", () => {
  assert.equal(check({ body: { a: 1 } })[0]?.pointer, "/requests/r/body");
  assert.deepEqual(check({ method: "POST", body: { a: 1 } }), []);
  const points = { "a/b": { ...rule, type: "string" as const, scale: 2, offset: 1 } };
  assert.deepEqual(
    check({ points }).map(({ pointer }) => pointer),
    ["/requests/r/points/a~1b/scale", "/requests/r/points/a~1b/offset"],
  );
});

test("the driver's own point is not given twice", () => {
  const points = { online: { ...rule, type: "boolean" as const } };
  assert.equal(check({ points })[0]?.pointer, "/requests/r/points/online");
  assert.equal(check({ commands: { online: command } })[0]?.pointer, "/requests/r/commands/online");
});

test("a command takes no credentials to another origin", () => {
  const away = { off: { ...command, url: "https://other.example/" } };
  assert.deepEqual(check({ commands: away }), []);
  const auth = { kind: "bearer", token: { secret: "t" } } as const;
  assert.equal(check({ commands: away, auth })[0]?.pointer, "/requests/r/commands/off/url");
});

test("points are named with unit and access", () => {
  const requests = {
    r: requestOptions({
      url,
      points: { t: { ...rule, type: "number", unit: "Cel" }, heater: { ...rule, type: "boolean" } },
      commands: { heater: command, reset: command },
    }),
  };
  assert.deepEqual(pointsOf(pluginOptions(requests)), [
    { name: "r/t", access: "read", unit: "Cel" },
    { name: "r/heater", access: "read-write" },
    { name: "r/reset", access: "write" },
    { name: "r/online", summary: "Whether the last poll succeeded", access: "read" },
  ]);
});

test("the deadline leaves room for the rarest request", () => {
  const deadline = (intervalMs: number) =>
    driver.manifest.deadlineMs?.(pluginOptions({ r: requestOptions({ url, intervalMs }) }));
  assert.equal(deadline(1_000), 60_000);
  assert.equal(deadline(3_600_000), 7_210_000);
});
