import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthBook } from "./health.ts";

function book(rules: Partial<Parameters<HealthBook["setRules"]>[0]> = {}) {
  const changes: string[] = [];
  const it: HealthBook = new HealthBook(() => {
    const { ok, waitingFor, failed } = it.health();
    changes.push(ok ? "ok" : [...waitingFor, ...failed].join(", "));
  });
  it.setRules({ required: ["meter", "rs485"], hub: true, deadlineS: 300, ...rules });
  return { it, changes };
}

test("a node is well when its outbox is open, its target reached, its plugins have sampled and the hub has answered", () => {
  const { it, changes } = book();
  it.opened();
  it.setReached(true);
  it.sampled("rs485");
  it.sampled("other");
  it.hubAnswered();
  it.sampled("meter");
  assert.deepEqual(changes, [
    "outbox, target, plugin meter, plugin rs485, hub",
    "target, plugin meter, plugin rs485, hub",
    "plugin meter, plugin rs485, hub",
    "plugin meter, hub",
    "plugin meter, hub",
    "plugin meter",
    "ok",
  ]);
});

test("what happens again is told once", () => {
  const { it, changes } = book();
  for (let i = 0; i < 3; i++) {
    it.sampled("meter");
    it.hubAnswered();
  }
  assert.equal(changes.length, 3);
});

test("without a hub, or where it need not answer, nobody waits for it", () => {
  const { it } = book({ hub: false, required: [] });
  it.opened();
  it.setReached(true);
  assert.deepEqual(it.health(), { ok: true, waitingFor: [], failed: [] });
});

test("a step that fails is told, and a plugin that comes later is waited for", () => {
  const { it } = book({ hub: false, required: [] });
  it.opened();
  it.setReached(false, ["start plugin door: no such device"]);
  assert.deepEqual(it.health(), {
    ok: false,
    waitingFor: ["target"],
    failed: ["start plugin door: no such device"],
  });
  it.setReached(true);
  it.setRules({ required: ["door"], hub: false, deadlineS: 60 });
  assert.deepEqual(it.health().waitingFor, ["plugin door"]);
});

test("what is told is bounded", () => {
  const { it } = book();
  it.setReached(false, Array<string>(100).fill("x".repeat(10_000)));
  assert.ok(JSON.stringify(it.health()).length < 4096);
});
