import assert from "node:assert/strict";
import { test } from "node:test";
import { longestRetryAfterMs, retryAfterMs } from "./retry-after.ts";

const headers = (retryAfter: string, date?: string): Headers =>
  new Headers({ "retry-after": retryAfter, ...(date !== undefined && { date }) });

test("seconds", () => {
  assert.equal(retryAfterMs(headers("120"), undefined), 120_000);
  assert.equal(retryAfterMs(headers("0"), undefined), 0);
});

test("a date counts from the server's own clock, in all three forms", () => {
  const date = "Sun, 06 Nov 1994 08:48:37 GMT";
  for (const until of [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
  ])
    assert.equal(retryAfterMs(headers(until, date), Date.now()), 60_000, until);
});

test("without the server's clock ours has to be known", () => {
  const until = "Sun, 06 Nov 1994 08:49:37 GMT";
  assert.equal(retryAfterMs(headers(until), Date.UTC(1994, 10, 6, 8, 49, 0)), 37_000);
  assert.equal(retryAfterMs(headers(until), undefined), undefined);
});

test("a date gone by means at once, and none waits longer than a day", () => {
  assert.equal(retryAfterMs(headers("Sun, 06 Nov 1994 08:49:37 GMT"), Date.now()), 0);
  assert.equal(retryAfterMs(headers("99999999999"), undefined), longestRetryAfterMs);
});

test("what can't be understood asks nothing", () => {
  for (const text of ["soon", "-5", "1.5", "2026-07-01T00:00:00Z", ""])
    assert.equal(retryAfterMs(headers(text), 0), undefined, text);
  assert.equal(retryAfterMs(new Headers(), 0), undefined);
});
