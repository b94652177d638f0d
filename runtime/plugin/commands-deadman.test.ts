import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { DeadMan } from "./commands-deadman.ts";

/** A dead man's handle of 30 s on a virtual clock. */
function handleOf(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const controller = new AbortController();
  const calls: string[] = [];
  let outcome: () => Promise<void> = async () => {};
  const handle = new DeadMan({
    afterMs: 30_000,
    signal: controller.signal,
    set: (cause) => {
      calls.push(cause);
      return outcome();
    },
  });
  return {
    handle,
    calls,
    stop: () => controller.abort(),
    answer(next: () => Promise<void>): void {
      outcome = next;
    },
    /** Lets that much time pass, and all that follows from it. */
    async pass(ms: number): Promise<void> {
      t.mock.timers.tick(ms);
      await handle.ready();
      await new Promise(setImmediate);
    },
  };
}

test("it begins with the safe value, once, and waits for the first command without an end", async (t) => {
  const { handle, calls, pass } = handleOf(t);
  handle.begin();
  handle.begin();
  await pass(1e7);
  assert.deepEqual(calls, ["start"]);
});

test("each command that succeeds starts the time anew; after the last one the safe value comes, once", async (t) => {
  const { handle, calls, pass } = handleOf(t);
  for (let i = 0; i < 5; i++) {
    handle.commanded()(true);
    await pass(29_999);
  }
  assert.deepEqual(calls, []);
  await pass(1);
  assert.deepEqual(calls, ["late"]);
  await pass(1e7);
  assert.deepEqual(calls, ["late"]);
  handle.commanded()(true);
  await pass(30_000);
  assert.deepEqual(calls, ["late", "late"]);
});

test("a command that fails counts as one that may have changed the point, but does not start the time anew", async (t) => {
  const { handle, calls, pass } = handleOf(t);
  handle.commanded()(false);
  await pass(20_000);
  handle.commanded()(false);
  await pass(9_999);
  assert.deepEqual(calls, []);
  await pass(1);
  assert.deepEqual(calls, ["late"]);
});

test("while a command runs the safe value is put off, until it has failed, or anew once it has succeeded", async (t) => {
  const { handle, calls, pass } = handleOf(t);
  handle.commanded()(true);
  const failing = handle.commanded();
  await pass(31_000);
  assert.deepEqual(calls, []);
  failing(false);
  await pass(0);
  assert.deepEqual(calls, ["late"]);

  handle.commanded()(true);
  const succeeding = handle.commanded();
  await pass(31_000);
  succeeding(true);
  await pass(29_999);
  assert.deepEqual(calls, ["late"]);
  await pass(1);
  assert.deepEqual(calls, ["late", "late"]);
});

test("a safe value that can't be set is tried again, ever more seldom, until it is set or a command succeeds", async (t) => {
  const { handle, calls, pass, answer } = handleOf(t);
  answer(() => Promise.reject(new Error("offline")));
  handle.begin();
  await pass(0);
  for (const ms of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
    const before = calls.length;
    await pass(ms - 1);
    assert.equal(calls.length, before, `${ms} ms`);
    await pass(1);
    assert.equal(calls.length, before + 1, `${ms} ms`);
  }
  answer(async () => {});
  await pass(60_000);
  const set = calls.length;
  await pass(1e6);
  assert.equal(calls.length, set);

  answer(() => Promise.reject(new Error("offline")));
  handle.commanded()(true);
  await pass(30_000);
  const failed = calls.length;
  handle.commanded()(true);
  await pass(29_999);
  assert.equal(calls.length, failed, "the command has taken the place of the next attempt");
});

test("a command waits for the safe value that is being set", async (t) => {
  const { handle, answer } = handleOf(t);
  const gate = Promise.withResolvers<void>();
  answer(() => gate.promise);
  handle.begin();
  let ready = false;
  const waiting = handle.ready().then(() => {
    ready = true;
  });
  await new Promise(setImmediate);
  assert.equal(ready, false);
  gate.resolve();
  await waiting;
});

test("nothing is set once the plugin stops", async (t) => {
  const { handle, calls, pass, stop } = handleOf(t);
  const ended = handle.commanded();
  stop();
  ended(true);
  handle.begin();
  await pass(1e7);
  assert.deepEqual(calls, []);
});
