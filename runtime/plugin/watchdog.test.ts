import assert from "node:assert/strict";
import { test } from "node:test";
import { Watchdog } from "./watchdog.ts";

test("silence is told after the deadline, signs and holds put it off", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 0;
  t.mock.method(performance, "now", () => nowMs);
  const pass = (ms: number): void => {
    for (let i = 0; i < ms; i += 10) {
      nowMs += 10;
      t.mock.timers.tick(10);
    }
  };
  let told = 0;
  const watchdog = new Watchdog(1000, () => {
    told++;
  });
  pass(900);
  watchdog.sign();
  pass(900);
  assert.equal(told, 0);
  watchdog.held = true;
  pass(5000);
  assert.equal(told, 0);
  watchdog.held = false;
  pass(900);
  assert.equal(told, 0);
  pass(200);
  assert.equal(told, 1);
  pass(5000);
  assert.equal(told, 1);
});

test("a stopped watchdog tells nothing", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const watchdog = new Watchdog(10, () => assert.fail());
  watchdog.stop();
  t.mock.timers.tick(100);
});
