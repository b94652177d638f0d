import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { type Hop, nextHop } from "./redirect.ts";

const get: Hop = { method: "GET", url: "https://a.example/x?key=1", body: undefined, trusted: true };
const post: Hop = { ...get, method: "POST", body: '{"a":1}' };

const refused = (reason: RegExp) => (error: unknown) =>
  isUmecError(error, "HTTP_REDIRECT") && reason.test(error.message) && !error.message.includes("key=");

test("only redirects redirect", () => {
  for (const status of [200, 300, 304, 404]) assert.equal(nextHop(get, status, "/y"), undefined);
});

test("the location is relative to where it stands", () => {
  assert.equal(nextHop(get, 302, "/y?b=2#c")?.url, "https://a.example/y?b=2");
  assert.equal(nextHop(get, 302, "y")?.url, "https://a.example/y");
});

test("trust ends at another host, port or scheme, and does not come back", () => {
  assert.equal(nextHop(get, 302, "/y")?.trusted, true);
  assert.equal(nextHop(get, 302, "https://b.example/")?.trusted, false);
  assert.equal(nextHop(get, 302, "https://a.example:8443/")?.trusted, false);
  assert.equal(nextHop({ ...get, url: "http://a.example/" }, 302, "https://a.example/")?.trusted, false);
  assert.equal(
    nextHop({ ...get, url: "https://b.example/", trusted: false }, 302, "https://b.example/z")?.trusted,
    false,
  );
});

test("POST becomes GET on 301, 302 and 303, and stays itself on 307 and 308", () => {
  for (const status of [301, 302, 303]) {
    const next = nextHop(post, status, "/y");
    assert.deepEqual([next?.method, next?.body], ["GET", undefined]);
  }
  for (const status of [307, 308]) {
    const next = nextHop(post, status, "/y");
    assert.deepEqual([next?.method, next?.body], ["POST", post.body]);
  }
});

test("what is not followed is refused, without the query", () => {
  assert.throws(() => nextHop(get, 302, null), refused(/to nowhere/));
  assert.throws(() => nextHop(get, 302, "http://["), refused(/to nowhere/));
  assert.throws(() => nextHop(get, 302, "file:///etc/passwd"), refused(/file: URL/));
  assert.throws(() => nextHop(get, 302, "https://u:p@a.example/"), refused(/a user in it/));
  assert.throws(() => nextHop(get, 302, "http://a.example/"), refused(/from https to http/));
  assert.throws(() => nextHop(post, 307, "https://b.example/"), refused(/a body to another origin/));
});
