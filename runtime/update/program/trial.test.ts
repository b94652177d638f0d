import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { type ProgramState, readState, writeState } from "./state.ts";
import { judgeTrial, type TrialHealth } from "./trial.ts";

const scratch = createScratch();
const program = { place: "b", version: "0.3.0" } as const;
const onTrial = (deadlineMs: number): ProgramState => ({
  format: 1,
  current: program,
  trial: { from: "0.2.0", id: "r1", earlier: { place: "a", version: "0.2.0" }, triesLeft: 2, deadlineMs },
});

async function store(state: ProgramState): Promise<string> {
  const dir = await scratch();
  writeState(dir, state);
  return dir;
}

const never = new AbortController().signal;
const waiting = { ok: false, waitingFor: ["plugin meter to sample"], failed: ["link: refused"] };

test("a node that becomes healthy in time makes its program good", async () => {
  const dir = await store(onTrial(60_000));
  const seen: AbortSignal[] = [];
  const watch = (listener: (health: TrialHealth) => void, signal: AbortSignal): void => {
    seen.push(signal);
    listener(waiting);
    assert.ok(readState(dir).state.trial);
    listener({ ok: true, waitingFor: [], failed: [] });
  };
  const report = { id: "r1", phase: "good", from: "0.2.0", to: "0.3.0" };
  assert.deepEqual(await judgeTrial({ dir, program, watch, signal: never }), report);
  assert.ok(seen[0]?.aborted);
  assert.deepEqual(readState(dir).state, { format: 1, current: program, outcome: report, ended: "r1" });
});

test("one that does not falls back, and says what it waited for", async () => {
  const dir = await store(onTrial(30));
  const report = await judgeTrial({ dir, program, watch: (listener) => listener(waiting), signal: never });
  assert.equal(report?.phase, "fell-back");
  assert.equal(report.reason, "not healthy after 0 s: link: refused; waiting for plugin meter to sample");
  assert.deepEqual(readState(dir).state, {
    format: 1,
    current: { place: "a", version: "0.2.0" },
    outcome: report,
    ended: "r1",
  });
});

test("a stop judges nothing, and neither is what is not on trial judged", async () => {
  const dir = await store(onTrial(60_000));
  const ended = new AbortController();
  const judging = judgeTrial({ dir, program, watch: () => {}, signal: ended.signal });
  ended.abort();
  assert.equal(await judging, undefined);
  assert.deepEqual(readState(dir).state, onTrial(60_000));
  const other = { place: "a", version: "0.2.0" } as const;
  assert.equal(await judgeTrial({ dir, program: other, watch: () => {}, signal: never }), undefined);
  const good = await store({ format: 1, current: program });
  assert.equal(await judgeTrial({ dir: good, program, watch: () => {}, signal: never }), undefined);
});

/** A process whose main thread never turns round again, with the guard beside it; how it ends. */
async function hang(dir: string): Promise<unknown> {
  const guard = new URL("guard.ts", import.meta.url).href;
  const data = JSON.stringify({ dir, program, deadlineMs: 200 });
  const source = `
    import { Worker } from "node:worker_threads";
    new Worker(new URL(${JSON.stringify(guard)}), { workerData: ${data} }).unref();
    const until = performance.now() + 3_000;
    while (performance.now() < until);
  `;
  const main = join(await scratch(), "main.mjs");
  await writeFile(main, source);
  const child = spawn(process.execPath, [main], { stdio: "ignore" });
  const [code, signal] = await once(child, "exit");
  return signal ?? code;
}

test("a program that hangs is ended by the guard, and what ran before is next", async () => {
  const dir = await store(onTrial(60_000));
  assert.equal(await hang(dir), "SIGKILL");
  const { current, outcome } = readState(dir).state;
  assert.deepEqual(current, { place: "a", version: "0.2.0" });
  assert.match(outcome?.reason ?? "", /it hangs: it was neither good nor gave up within 0 s/);
});

test("the guard leaves a program alone that has become good", async () => {
  assert.equal(await hang(await store({ format: 1, current: program })), 0);
});
