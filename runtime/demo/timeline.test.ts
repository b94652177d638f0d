import assert from "node:assert/strict";
import { test } from "node:test";
import { cutsOf } from "./timeline.ts";

test("a demo with an end has one outage in its middle", () => {
  assert.deepEqual([...cutsOf(20_000)], [{ fromMs: 8_000, toMs: 13_000 }]);
});

test("one without an end has an outage every 30 s", () => {
  assert.deepEqual(cutsOf(undefined).take(2).toArray(), [
    { fromMs: 8_000, toMs: 13_000 },
    { fromMs: 38_000, toMs: 43_000 },
  ]);
});
