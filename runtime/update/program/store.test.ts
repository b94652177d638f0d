import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createScratch } from "../../test-scratch.ts";
import { chooseProgram } from "./launch.ts";
import { type ProgramState, readState } from "./state.ts";
import { type InstallProgramOptions, installProgram, runningVersion } from "./store.ts";
import { type Issued, issue } from "./test-pki.ts";
import { testFiles, testSystem, writeTestProgram } from "./test-program.ts";
import { judgeTrial, tellOutcome } from "./trial.ts";

const scratch = createScratch();
const crash = fileURLToPath(new URL("test-crash.ts", import.meta.url));
let files: string;
let root: Issued;
let by: Issued;
let lib: string;
before(async () => {
  files = await scratch();
  root = await issue(files, "root", { ca: true });
  by = await issue(files, "signer", { by: root });
  lib = await scratch();
});

const options = (dir: string): InstallProgramOptions => ({
  ...{ dir, system: testSystem, keyringPath: root.certificatePath },
  running: runningVersion(dir, testSystem),
});
const launch = (dir: string) =>
  chooseProgram({ dir, keyringPath: root.certificatePath, lib, system: testSystem });
const newStore = async () => join(await scratch(), "umec", "program");
const healthy = { ok: true, waitingFor: [], failed: [] };

async function becomeGood(dir: string): Promise<void> {
  const { program } = launch(dir);
  assert.ok(program?.trial);
  const { signal } = new AbortController();
  await judgeTrial({ dir, program, watch: (listener) => listener(healthy), signal });
}

test("a program goes into the free place, and is on trial", async () => {
  const dir = await newStore();
  const one = await writeTestProgram(files, { by, version: "0.2.0" });
  const manifest = await installProgram(one, { ...options(dir), id: "r1", deadlineMs: 5_000, tries: 2 });
  assert.equal(manifest.version, "0.2.0");
  assert.deepEqual(readState(dir).state, {
    format: 1,
    current: { place: "a", version: "0.2.0" },
    trial: { from: "0.1.0", id: "r1", triesLeft: 2, deadlineMs: 5_000 },
  });
  const names = [...Object.keys(testFiles), "head"].toSorted();
  assert.deepEqual((await readdir(join(dir, "a"))).toSorted(), names);
  assert.equal((await stat(join(dir, "a"))).mode & 0o777, 0o700);

  const two = await writeTestProgram(files, { by, version: "0.3.0" });
  await assert.rejects(installProgram(two, options(dir)), { code: "PROGRAM_BUSY" });
  await becomeGood(dir);
  await installProgram(two, options(dir));
  assert.deepEqual(readState(dir).state, {
    format: 1,
    current: { place: "b", version: "0.3.0" },
    trial: { from: "0.2.0", earlier: { place: "a", version: "0.2.0" }, triesLeft: 3, deadlineMs: 180_000 },
    outcome: { id: "r1", phase: "good", from: "0.1.0", to: "0.2.0" },
    ended: "r1",
  });
  await becomeGood(dir);
  // And into the first place again.
  await installProgram(await writeTestProgram(files, { by, version: "0.4.0" }), options(dir));
  assert.deepEqual(readState(dir).state.current, { place: "a", version: "0.4.0" });
  assert.equal(runningVersion(dir, testSystem), "0.4.0");
});

test("what does not fit, or is no newer, is refused, and changes nothing", async (t) => {
  const dir = await newStore();
  await installProgram(await writeTestProgram(files, { by, version: "0.2.0" }), options(dir));
  await becomeGood(dir);
  const old = await readFile(join(dir, "current.json"));
  const cases: Record<
    string,
    [RegExp, Parameters<typeof writeTestProgram>[1], Partial<InstallProgramOptions>?]
  > = {
    "a newer Node.js": [
      /needs Node.js >=99.0.0, and here is 24/,
      { by, version: "0.3.0", requires: { node: ">=99.0.0" } },
    ],
    "a newer system": [
      /needs a system >=0.2.0 <1.0.0, and here is 0.1.0/,
      { by, version: "0.3.0", requires: { system: ">=0.2.0 <1.0.0" } },
    ],
    "another addon": [
      /needs x.node of version 1.2.4, and here is 1.2.3/,
      { by, version: "0.3.0", requires: { addons: { "x.node": "1.2.4" } } },
    ],
    "an addon that is not there": [
      /needs y.node of version 1.0.0, and here is none/,
      { by, version: "0.3.0", requires: { addons: { "y.node": "1.0.0" } } },
    ],
    "what runs": [/0.2.0 is what runs already/, { by, version: "0.2.0" }],
    "an older one": [/0.1.5 is older than 0.2.0, which runs/, { by, version: "0.1.5" }],
    "one older than the system": [
      /0.0.9 is not newer than the system, which is 0.1.0/,
      { by, version: "0.0.9" },
      { mayBeOlder: true },
    ],
    "no keyring": [/keyring \/nowhere can't be read/, { by, version: "0.3.0" }, { keyringPath: "/nowhere" }],
  };
  for (const [name, [reason, program, more]] of Object.entries(cases)) {
    await t.test(name, async () => {
      const path = await writeTestProgram(files, program);
      await assert.rejects(
        installProgram(path, { ...options(dir), ...more }),
        (error: Error & { code: string }) => {
          assert.equal(error.code, "UPDATE_REFUSED");
          assert.match(error.message, reason);
          return true;
        },
      );
      assert.deepEqual(await readFile(join(dir, "current.json")), old);
      assert.deepEqual(await readdir(dir), ["a", "current.json"]);
    });
  }
  const path = await writeTestProgram(files, { by, version: "0.1.5" });
  await installProgram(path, { ...options(dir), mayBeOlder: true });
  assert.equal(launch(dir).program?.version, "0.1.5");
});

/** Runs it killed at that step; whether it got to the end before. */
function dies(step: number, what: string, given: object): boolean {
  const { signal, stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", crash, String(step), what, JSON.stringify(given)],
    { encoding: "utf8" },
  );
  if (signal === "SIGKILL") return false;
  assert.equal(status, 0, stderr);
  return stdout === "done";
}

/** Whether a start of this store runs what was there before, or what was to come; anything else fails. */
function runs(dir: string, step: number): string {
  const { program, notes } = launch(dir);
  assert.deepEqual(notes, [], `step ${step}`);
  return program?.version ?? "own";
}

test("killed at any step of an installation, what was there runs, or the new one whole; then it can be done again", async () => {
  const first = await writeTestProgram(files, { by, version: "0.2.0" });
  const second = await writeTestProgram(files, { by, version: "0.3.0" });
  const third = await writeTestProgram(files, { by, version: "0.4.0" });
  const start = await newStore();
  for (const [path, before] of [
    [first, "own"],
    [second, "0.2.0"],
    // Into a place that has an old one in it.
    [third, "0.3.0"],
  ] as const) {
    const found = new Set<string>();
    let step = 0;
    for (let done = false; !done; ) {
      step++;
      const dir = await newStore();
      if (before !== "own") await cp(start, dir, { recursive: true, verbatimSymlinks: true });
      done = dies(step, "install", { path, ...options(dir) });
      const version = runs(dir, step);
      found.add(version);
      assert.ok(version === before || `${files}/${version}.umecjs` === path, `step ${step}: ${version}`);
      if (version === before) {
        await installProgram(path, options(dir));
        assert.notEqual(runs(dir, step), before);
      }
      if (done) assert.notEqual(version, before);
    }
    assert.equal(found.size, 2);
    // Making, filling and syncing the place and its files, the state, its name: fewer would mean that something is missing.
    assert.ok(step >= 16, `${step} steps`);
    await installProgram(path, options(start));
    await becomeGood(start);
  }
});

test("killed at any step of a start, a judgement or a report, a trial goes on or has ended", async () => {
  const installed = await newStore();
  await installProgram(await writeTestProgram(files, { by, version: "0.2.0" }), options(installed));
  const keyringPath = root.certificatePath;
  const table: Record<string, (dir: string, state: ProgramState, done: boolean) => void> = {
    launch(_dir, { trial }, done) {
      assert.ok(trial?.triesLeft === 2 || (!done && trial?.triesLeft === 3), JSON.stringify(trial));
    },
    good(dir, { trial, outcome }, done) {
      assert.equal(trial === undefined, outcome?.phase === "good");
      if (done) assert.equal(trial, undefined);
      assert.equal(launch(dir).program?.version, "0.2.0");
    },
    tell(_dir, { trial, outcome }, done) {
      assert.equal(trial, undefined);
      assert.ok(outcome === undefined || (!done && outcome.phase === "good"));
    },
  };
  for (const [what, check] of Object.entries(table)) {
    let step = 0;
    for (let done = false; !done; ) {
      step++;
      const dir = await newStore();
      await cp(installed, dir, { recursive: true, verbatimSymlinks: true });
      if (what === "tell") await becomeGood(dir);
      const program = { place: "a", version: "0.2.0" };
      done = dies(step, what, { dir, program, keyringPath, lib, system: testSystem });
      const { state, fault } = readState(dir);
      assert.equal(fault, undefined, `${what}, step ${step}`);
      assert.deepEqual(state.current, { place: "a", version: "0.2.0" });
      check(dir, state, done);
    }
    assert.ok(step >= 6, `${what}: ${step} steps`);
  }
});

test("an outcome is kept until it was told", async () => {
  const dir = await newStore();
  await installProgram(await writeTestProgram(files, { by, version: "0.2.0" }), {
    ...options(dir),
    id: "r7",
  });
  await becomeGood(dir);
  await assert.rejects(tellOutcome(dir, () => Promise.reject(new Error("no room"))));
  const told: unknown[] = [];
  const report = async (outcome: unknown) => void told.push(outcome);
  await tellOutcome(dir, report);
  await tellOutcome(dir, report);
  assert.deepEqual(told, [{ id: "r7", phase: "good", from: "0.1.0", to: "0.2.0" }]);
});

test("a file that is no program, or is too long to be one, is refused before it is read on", async () => {
  const dir = await newStore();
  const path = join(files, "long");
  await writeFile(path, Buffer.alloc(10 * 2 ** 20));
  await assert.rejects(installProgram(path, options(dir)), /refused: it has 10485760 bytes, the most are/);
});
