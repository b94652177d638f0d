import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { verdictOf } from "./verdict.ts";

const scratch = createScratch();

async function gate(state?: string) {
  const dir = await scratch();
  const say = async (text: string) => {
    await writeFile(join(dir, "state.new"), `${text}\n`);
    await rename(join(dir, "state.new"), join(dir, "state"));
  };
  if (state !== undefined) await say(state);
  return { dir, say };
}

const never = new AbortController().signal;

test("a slot that was good is good at once, and so is a system where nobody judges", async () => {
  assert.deepEqual(await verdictOf(never, (await gate("good")).dir), { good: true });
  assert.deepEqual(await verdictOf(never, join(await scratch(), "none")), { good: true });
});

for (const [state, verdict] of [
  ["marked", { good: true }],
  ["failed", { good: false, reason: "it was not good in time" }],
] as const) {
  test(`a slot on trial is waited for until it is ${state}`, async () => {
    const { dir, say } = await gate();
    const waiting = verdictOf(never, dir);
    await say("trial");
    await say("trial");
    await say(state);
    assert.deepEqual(await waiting, verdict);
  });
}

test("the wait ends with its signal", async () => {
  const { dir } = await gate("trial");
  const ended = new AbortController();
  const waiting = verdictOf(ended.signal, dir);
  ended.abort(new Error("over"));
  await assert.rejects(waiting, /over/);
  await assert.rejects(verdictOf(ended.signal, dir), /over/);
});
