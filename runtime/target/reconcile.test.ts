import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../log.ts";
import { pluginOf, targetOf } from "./fixtures/targets.ts";
import { createReconciler } from "./reconcile.ts";
import { describeStep, type Step } from "./step.ts";

const { signal } = new AbortController();

/** A node that writes down what it is told; `act` may fail or hold a step. */
function node(act: (step: Step, signal: AbortSignal) => void | Promise<void> = () => {}) {
  const done: string[] = [];
  const reconciler = createReconciler({
    log: silentLog,
    apply: async (step, stepSignal) => {
      done.push(describeStep(step));
      await act(step, stepSignal);
    },
  });
  return { reconciler, done };
}

test("the node is led to its target, and then there is nothing left to do", async () => {
  const { reconciler, done } = node();
  const target = targetOf({ plugins: [pluginOf("a")] });
  assert.deepEqual(await reconciler.reconcile(target, signal), { kind: "reached" });
  assert.equal(done.length, 10);
  assert.deepEqual(await reconciler.reconcile(structuredClone(target), signal), { kind: "reached" });
  assert.equal(done.length, 10);
});

test("a plugin that fails to start holds up nobody, and only it is tried again", async () => {
  let broken = true;
  const { reconciler, done } = node((step) => {
    if (broken && step.kind === "start-plugin" && step.plugin.name === "a") throw new Error("no device");
  });
  const target = targetOf({ plugins: [pluginOf("a"), pluginOf("b")] });
  const outcome = await reconciler.reconcile(target, signal);
  assert.ok(outcome.kind === "failed");
  assert.deepEqual(
    outcome.failures.map(({ step, error }) => `${describeStep(step)}: ${error}`),
    ["start plugin a (driver click): Error: no device"],
  );
  assert.ok(done.includes("start plugin b (driver click)") && done.includes("link to tls://hub:7422"));

  broken = false;
  done.length = 0;
  assert.deepEqual(await reconciler.reconcile(target, signal), { kind: "reached" });
  assert.deepEqual(done, ["restart plugin a: the last attempt failed"]);
});

test("what needs a failed step is left out", async () => {
  const { reconciler, done } = node((step) => {
    if (step.kind === "add-accounts" || step.kind === "open") throw new Error("disk");
  });
  const outcome = await reconciler.reconcile(targetOf({ plugins: [pluginOf("a")] }), signal);
  assert.equal(outcome.kind, "failed");
  assert.deepEqual(done, ["open node lamp in /data", "set the log level to info"]);
});

test("a plugin without its account is not started, the others are", async () => {
  const { reconciler, done } = node((step) => {
    if (step.kind === "add-accounts" && step.plugins.includes("b")) throw new Error("disk");
  });
  await reconciler.reconcile(targetOf({ plugins: [pluginOf("a")] }), signal);
  done.length = 0;
  const changed = pluginOf("a", { options: { line: 5 } });
  await reconciler.reconcile(targetOf({ plugins: [changed, pluginOf("b")] }), signal);
  assert.deepEqual(done, ["add the accounts of b", "restart plugin a: changed: options"]);
});

test("a newer target supersedes the older after the running step; of many only the newest runs", async () => {
  const gate = Promise.withResolvers<void>();
  const running = Promise.withResolvers<void>();
  const { reconciler, done } = node((step) => {
    if (step.kind !== "set-log-level") return;
    running.resolve();
    return gate.promise;
  });
  const first = reconciler.reconcile(targetOf({ plugins: [pluginOf("a")] }), signal);
  await running.promise;
  const second = reconciler.reconcile(targetOf({ plugins: [pluginOf("b")] }), signal);
  const third = reconciler.reconcile(targetOf({ plugins: [pluginOf("c")] }), signal);
  assert.deepEqual(await second, { kind: "superseded", failures: [] });
  assert.deepEqual(done, ["open node lamp in /data", "set the log level to info"]);
  gate.resolve();
  assert.deepEqual(await first, { kind: "superseded", failures: [] });
  assert.deepEqual(await third, { kind: "reached" });
  assert.deepEqual(
    done.filter((step) => step.startsWith("start")),
    ["start plugin c (driver click)"],
  );
  assert.equal(done.filter((step) => step.startsWith("open")).length, 1);
});

test("a restart that is needed is told and changes nothing", async () => {
  const { reconciler, done } = node();
  await reconciler.reconcile(targetOf({}), signal);
  const before = reconciler.reached;
  done.length = 0;
  const outcome = await reconciler.reconcile(targetOf({ node: "lamp-2" }), signal);
  assert.deepEqual(outcome, {
    kind: "needs-restart",
    reason: "the node is now called lamp-2, not lamp",
  });
  assert.deepEqual(done, ["restart needed: the node is now called lamp-2, not lamp"]);
  assert.deepEqual(reconciler.reached, before);
});

test("an abort ends the running step; it is unsure from then on, and the next target goes on", async () => {
  const started = Promise.withResolvers<void>();
  let hang = true;
  const { reconciler, done } = node((step, stepSignal) => {
    if (!hang || step.kind !== "set-clock") return;
    started.resolve();
    return new Promise((_, reject) => {
      stepSignal.addEventListener("abort", () => reject(stepSignal.reason), { once: true });
    });
  });
  const stop = new AbortController();
  const running = reconciler.reconcile(targetOf({}), stop.signal);
  await started.promise;
  const waiting = new AbortController();
  const queued = reconciler.reconcile(targetOf({ node: "other" }), waiting.signal);
  waiting.abort(new Error("not this one"));
  await assert.rejects(queued, /not this one/);
  stop.abort(new Error("shutting down"));
  await assert.rejects(running, /shutting down/);
  assert.deepEqual(reconciler.reached.unsure, ["clock"]);

  hang = false;
  done.length = 0;
  assert.deepEqual(await reconciler.reconcile(targetOf({}), signal), { kind: "reached" });
  assert.equal(done[0], "set clock trust to auto");
});

test("an aborted signal begins nothing", async () => {
  const { reconciler, done } = node();
  await assert.rejects(reconciler.reconcile(targetOf({}), AbortSignal.abort(new Error("late"))), /late/);
  assert.deepEqual(done, []);
});
