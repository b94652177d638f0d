import assert from "node:assert/strict";
import { test } from "node:test";
import { createEdgeQueue } from "./edge-queue.ts";

const edge = (name: string, value: boolean | number) => ({ name, value, timeMs: 1_800_000_000_000 });

test("beyond its capacity the oldest go, and the next of that name says how many", () => {
  const queue = createEdgeQueue(4);
  for (let n = 0; n < 1000; n++) queue.push(edge(n < 998 ? "a" : "b", n), n === 990 ? 5 : 0);
  assert.equal(queue.length, 4);
  const samples = queue.take(10);
  assert.deepEqual(
    samples.map(({ name, value, quality = "good" }) => [name, value, quality]),
    [
      ["a", 996, "uncertain"],
      ["a/lost", 996 + 5, "good"],
      ["a", 997, "good"],
      ["b", 998, "good"],
      ["b", 999, "good"],
    ],
  );
  queue.push(edge("a", 1), 2);
  assert.equal(queue.take(1)[1]?.value, 1003, "the sum since the start");
  assert.deepEqual(queue.take(1), []);
});

test("who waits is woken by an edge, or by the end", async () => {
  const queue = createEdgeQueue(4);
  const { signal } = new AbortController();
  const filled = queue.filled(signal);
  queue.push(edge("a", true));
  await filled;
  await queue.filled(signal);
  queue.take(1);
  const ending = new AbortController();
  const stopped = queue.filled(ending.signal);
  ending.abort(new Error("stop"));
  await assert.rejects(stopped, /stop/);
});
