import assert from "node:assert/strict";
import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { UmecError } from "../../errors.ts";
import { silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import type { UpdateOrder, UpdateReport } from "../types.ts";
import { type ProgramState, readState, writeState } from "./state.ts";
import { ProgramUpdater, type ProgramUpdaterOptions } from "./updater.ts";

const scratch = createScratch();

const order = (id: string, version = "0.2.0"): UpdateOrder => ({
  id,
  bundle: { version, compatible: "umec-program", sha256: "0".repeat(64), bytes: 1 },
});

/** An updater whose way, store and journal are `parts`; what it reported and did. */
async function start(parts: Partial<ProgramUpdaterOptions> = {}, state?: ProgramState) {
  const dir = await scratch();
  if (state) writeState(dir, state);
  const reports: UpdateReport[] = [];
  const done: string[] = [];
  const ended = new AbortController();
  const updater = new ProgramUpdater({
    ...{ dir, running: "0.1.0", log: silentLog, signal: ended.signal, retryMs: 1 },
    async fetch({ id }) {
      done.push(`fetch ${id}`);
      const path = join(dir, id);
      await writeFile(path, "");
      return path;
    },
    async install(path, { id, bundle }) {
      await access(path);
      done.push(`install ${id}`);
      const trial = { id, from: "0.1.0", triesLeft: 3, deadlineMs: 1 };
      writeState(dir, { ...readState(dir).state, current: { place: "a", version: bundle.version }, trial });
      return {} as Awaited<ReturnType<ProgramUpdaterOptions["install"]>>;
    },
    report: async (report) => void reports.push(report),
    ...parts,
  });
  return { dir, updater, reports, done, ended };
}

const phases = (reports: readonly UpdateReport[]) => reports.map(({ phase }) => phase);

test("an order is fetched and installed, with a report of each step, and what was fetched goes", async () => {
  const { dir, updater, reports, done } = await start();
  updater.take(order("r1"));
  updater.take(order("r1"));
  await updater.settled();
  assert.deepEqual(done, ["fetch r1", "install r1"]);
  const step = { id: "r1", from: "0.1.0", to: "0.2.0" };
  assert.deepEqual(reports, [
    { ...step, phase: "fetching" },
    { ...step, phase: "installing" },
  ]);
  await assert.rejects(access(join(dir, "r1")));
});

test("an order that is on trial, has an outcome or has ended is not done again", async () => {
  const current = { place: "a", version: "0.2.0" } as const;
  const trial = { id: "r1", from: "0.1.0", triesLeft: 1, deadlineMs: 1 };
  for (const state of [
    { format: 1, current, trial },
    { format: 1, outcome: { id: "r1", phase: "fell-back" } },
    { format: 1, ended: "r1" },
  ] as const) {
    const { updater, reports, done } = await start({}, state);
    updater.take(order("r1"));
    await updater.settled();
    assert.deepEqual([reports, done], [[], []]);
  }
});

test("what is refused or can't be written ends the order, for good", async () => {
  for (const [code, phase] of [
    ["UPDATE_REFUSED", "refused"],
    ["UPDATE_FAILED", "failed"],
  ] as const) {
    const install = () => Promise.reject(new UmecError(code, "no room in it"));
    const { dir, updater, reports, done } = await start({ install });
    updater.take(order("r1"));
    await updater.settled();
    assert.deepEqual(reports.at(-1), {
      id: "r1",
      from: "0.1.0",
      to: "0.2.0",
      phase,
      reason: "no room in it",
    });
    assert.equal(readState(dir).state.ended, "r1");
    updater.take(undefined);
    updater.take(order("r1"));
    await updater.settled();
    assert.deepEqual(done, ["fetch r1"]);
  }
});

test("a version that runs is good, and a node without a store refuses", async () => {
  const { updater, reports, done } = await start();
  updater.take(order("r1", "0.1.0"));
  await updater.settled();
  assert.deepEqual([reports[0]?.phase, reports[0]?.reason, done], ["good", "it ran already", []]);
  const none = await start({ dir: undefined });
  none.updater.take(order("r2"));
  await none.updater.settled();
  assert.deepEqual(phases(none.reports), ["refused"]);
  await none.updater.follow();
});

test("what fails on the way is tried again, until the order is taken back", async () => {
  let tries = 0;
  const twice = await start({
    install: async () => {
      if (++tries < 3) throw new Error("the program on trial is not good yet");
      return {} as never;
    },
  });
  twice.updater.take(order("r1"));
  await twice.updater.settled();
  assert.equal(tries, 3);

  const asked = Promise.withResolvers<void>();
  const never = await start({
    fetch: (_order, signal) =>
      new Promise((_, reject) => {
        asked.resolve();
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  });
  never.updater.take(order("r1"));
  await asked.promise;
  never.updater.take(undefined);
  await never.updater.settled();
  assert.deepEqual(phases(never.reports), ["fetching"]);
});

test("an outcome is told when it is there, also one that comes later, and each once", async () => {
  const told: UpdateReport[] = [];
  const waiting: PromiseWithResolvers<void>[] = [Promise.withResolvers(), Promise.withResolvers()];
  const { dir, updater, ended } = await start(
    {
      async report(report) {
        waiting[told.push(report) - 1]?.resolve();
      },
    },
    { format: 1, outcome: { phase: "fell-back", from: "0.1.0", to: "0.2.0", reason: "x" } },
  );
  const following = updater.follow();
  await waiting[0]!.promise;
  // Written by the judge of the next trial, once the first is forgotten.
  while (readState(dir).state.outcome) await new Promise((resolve) => setImmediate(resolve));
  writeState(dir, { format: 1, outcome: { phase: "good", from: "0.1.0", to: "0.3.0" } });
  await waiting[1]!.promise;
  ended.abort();
  await following;
  assert.deepEqual(phases(told), ["fell-back", "good"]);
});
