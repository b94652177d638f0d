import assert from "node:assert/strict";
import { test } from "node:test";
import { Flow } from "./flow.ts";
import { LinkGate } from "./link-gate.ts";

const { signal } = new AbortController();

async function carry(flow: Flow, times: readonly number[]): Promise<void> {
  for (const ms of times) {
    await flow.enter(1, signal);
    flow.leave(ms);
  }
}

test("more is asked for at once while answers are quick, and one at a time when they queue", async () => {
  const flow = new Flow(1e9);
  assert.equal(flow.window, 1);
  await carry(flow, Array(200).fill(40));
  assert.equal(flow.window, 16);
  await carry(flow, [400, 400, 400, 400]);
  assert.equal(flow.window, 1);
});

test("a long way to the hub is no queue", async () => {
  const flow = new Flow(1e9);
  await carry(flow, Array(200).fill(700));
  assert.equal(flow.window, 16);
});

test("nobody enters when the window is full, until one leaves", async () => {
  const flow = new Flow(1e9);
  await flow.enter(1, signal);
  let entered = false;
  const next = flow.enter(1, signal).then(() => {
    entered = true;
  });
  await new Promise(setImmediate);
  assert.equal(entered, false);
  flow.leave();
  await next;
});

test("the rate is kept", async () => {
  const flow = new Flow(100_000);
  const startMs = performance.now();
  for (let i = 0; i < 4; i++) {
    await flow.enter(10_000, signal);
    flow.leave(1);
  }
  // The fourth waits for the three before it.
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= 295, `${tookMs} ms for 30,000 bytes`);
});

test("what is in flight ends when the link goes down, and who waits goes on when it is back", async () => {
  let listener: (connected: boolean) => void = () => undefined;
  const ended = new AbortController();
  let listening = true;
  const leaf = {
    leafState: async () => ({ connected: true }),
    onLeafChange(to: (connected: boolean) => void) {
      listener = to;
      return () => {
        listening = false;
      };
    },
  };
  const gate = new LinkGate(leaf, ended.signal);
  const session = await gate.up(signal);
  listener(false);
  assert.ok(session.aborted);
  let up = false;
  const again = gate.up(signal).then((fresh) => {
    up = true;
    return fresh;
  });
  await new Promise(setImmediate);
  assert.equal(up, false);
  const pause = gate.pause(1e9, signal);
  listener(true);
  await pause;
  assert.equal((await again).aborted, false);
  ended.abort();
  assert.equal(listening, false);
});

test("whoever waits for the link can be told to end", async () => {
  const leaf = { leafState: async () => ({ connected: false }), onLeafChange: () => () => undefined };
  const gate = new LinkGate(leaf, new AbortController().signal);
  const ended = new AbortController();
  const waiting = gate.up(ended.signal);
  ended.abort(new Error("ended"));
  await assert.rejects(waiting, /ended/);
});
