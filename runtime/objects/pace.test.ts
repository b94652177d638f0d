import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.ts";

test("the first piece goes at once, and the next when that one's time is over", async () => {
  const pace = new Pace(1_000_000);
  const { signal } = new AbortController();
  const startMs = performance.now();
  for (let n = 0; n < 5; n++) await pace.take(10_000, signal);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= 38 && tookMs < 2_000, `${tookMs} ms`);
});

test("who waits on a slow line can be stopped", async () => {
  const pace = new Pace(1);
  const ended = new AbortController();
  await pace.take(1_000_000, ended.signal);
  const waiting = pace.take(1, ended.signal);
  ended.abort(new Error("the node stops"));
  await assert.rejects(waiting, /the node stops/);
});
