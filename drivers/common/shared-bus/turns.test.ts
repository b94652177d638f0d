import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../../../runtime/plugin/sdk.ts";
import { createTurns } from "./turns.ts";

const stuckError = (timeoutMs: number): UmecError => new UmecError("BUS_STUCK", `for ${timeoutMs} ms`);

test("one at a time, in the order of asking, those that are urgent before the others", async () => {
  const turns = createTurns({ timeoutMs: 10_000, stuckError });
  const order: string[] = [];
  let under = 0;
  const work = (name: string) => async () => {
    under += 1;
    assert.equal(under, 1);
    order.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    under -= 1;
    return name;
  };
  const all = [
    turns.take(work("a")),
    turns.take(work("b")),
    turns.take(work("c")),
    turns.take(work("urgent"), { urgent: true }),
  ];
  assert.deepEqual(await Promise.all(all), ["a", "b", "c", "urgent"]);
  assert.deepEqual(order, ["a", "urgent", "b", "c"]);
});

test("one that asks again stands behind all that wait", async () => {
  const turns = createTurns({ timeoutMs: 10_000, stuckError });
  const order: string[] = [];
  const ask = async (name: string): Promise<void> => {
    for (let i = 0; i < 3; i += 1) await turns.take(async () => void order.push(name));
  };
  await Promise.all([ask("a"), ask("b"), ask("c")]);
  assert.deepEqual(order, ["a", "b", "c", "a", "b", "c", "a", "b", "c"]);
});

test("work that fails gives its turn to the next", async () => {
  const turns = createTurns({ timeoutMs: 10_000, stuckError });
  const failed = turns.take(() => Promise.reject(new Error("no answer")));
  const next = turns.take(async () => 7);
  await assert.rejects(failed, /no answer/);
  assert.equal(await next, 7);
});

test("a transfer that does not end fails all that wait and all that come, until it ends", async () => {
  const turns = createTurns({ timeoutMs: 20, stuckError });
  const hanging = Promise.withResolvers<void>();
  let begun = 0;
  const work = async (): Promise<void> => {
    begun += 1;
  };
  const first = turns.take(() => hanging.promise);
  const second = turns.take(work);
  const late = { code: "BUS_STUCK", message: /20 ms/ };
  await Promise.all([assert.rejects(first, late), assert.rejects(second, late)]);
  await assert.rejects(turns.take(work), late);
  assert.equal(begun, 0);
  hanging.resolve();
  await hanging.promise;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await turns.take(async () => 8), 8);
});
