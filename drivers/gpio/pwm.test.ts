import assert from "node:assert/strict";
import { test } from "node:test";
import { startPwm } from "./pwm.ts";

function output() {
  const switches: { value: boolean; atMs: number }[] = [];
  let waiting: { count: number; resolve: () => void } | undefined;
  return {
    switches,
    write(value: boolean): void {
      switches.push({ value, atMs: performance.now() });
      if (waiting && switches.length >= waiting.count) waiting.resolve();
    },
    /** Resolves when so many switches were made. */
    made(count: number): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = { count, resolve };
      if (switches.length >= count) resolve();
      return promise;
    },
  };
}
const nowMs = () => performance.now();

test("it switches on and off in turn, and no period comes early", async () => {
  const it = output();
  const stop = new AbortController();
  const fromMs = performance.now();
  const pwm = startPwm(it.write, { hz: 50, percent: 25, nowMs, signal: stop.signal });
  await it.made(12);
  stop.abort(new Error("stop"));
  await assert.rejects(pwm.ended, /stop/);
  const made = it.switches.length;
  assert.deepEqual(
    it.switches.slice(0, 4).map(({ value }) => value),
    [true, false, true, false],
  );
  const spanMs = it.switches[10]!.atMs - fromMs;
  assert.ok(spanMs >= 100, `5 periods of 20 ms took ${spanMs} ms`);
  assert.equal(it.switches.length, made, "after the end nothing is switched");
});

test("at 0 and 100 percent nothing is switched until the duty cycle changes", async () => {
  const it = output();
  const stop = new AbortController();
  const pwm = startPwm(it.write, { hz: 100, percent: 0, nowMs, signal: stop.signal });
  assert.deepEqual(
    it.switches.map(({ value }) => value),
    [false],
  );
  pwm.set(100);
  await it.made(2);
  assert.equal(it.switches[1]?.value, true);
  pwm.set(50);
  await it.made(6);
  stop.abort(new Error("stop"));
  await assert.rejects(pwm.ended, /stop/);
});

test("an output that can't be switched ends it", async () => {
  const { signal } = new AbortController();
  const write = (): void => {
    throw new Error("EIO");
  };
  await assert.rejects(startPwm(write, { hz: 1, percent: 10, nowMs, signal }).ended, /EIO/);
});
