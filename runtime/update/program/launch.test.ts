import assert from "node:assert/strict";
import { appendFile, copyFile, cp, mkdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { abandon, noteEnd } from "./ends.ts";
import { chooseProgram } from "./launch.ts";
import { afterSuccess, type ProgramState, readState, writeState } from "./state.ts";
import { installProgram, runningVersion } from "./store.ts";
import type { System } from "./system.ts";
import { type Issued, issue, stamp } from "./test-pki.ts";
import { testSystem, writeTestProgram } from "./test-program.ts";

const scratch = createScratch();
let files: string;
let root: Issued;
let by: Issued;
let lib: string;
/** `0.2.0` is good in a, `0.3.0` on trial in b. */
let trying: string;
before(async () => {
  files = await scratch();
  root = await issue(files, "root", { ca: true });
  by = await issue(files, "signer", { by: root });
  lib = await scratch();
  trying = join(await scratch(), "program");
  for (const version of ["0.2.0", "0.3.0"]) {
    await installProgram(await writeTestProgram(files, { by, version }), {
      ...{ dir: trying, system: testSystem, keyringPath: root.certificatePath },
      running: runningVersion(trying, testSystem),
      id: `to-${version}`,
    });
    if (version === "0.2.0") {
      launch(trying);
      const { state } = readState(trying);
      const { outcome: _, ...good } = afterSuccess(state);
      writeState(trying, good);
    }
  }
});

function launch(dir: string, more: { system?: Partial<System>; keyringPath?: string } = {}) {
  const { system, keyringPath = root.certificatePath } = more;
  return chooseProgram({ dir, keyringPath, lib, system: { ...testSystem, ...system } });
}

async function copy(): Promise<string> {
  const dir = join(await scratch(), "program");
  await cp(trying, dir, { recursive: true, verbatimSymlinks: true });
  return dir;
}

/** With `0.2.0` good, and nothing on trial. */
async function calm(): Promise<string> {
  const dir = await copy();
  writeState(dir, { format: 1, current: { place: "a", version: "0.2.0" } });
  return dir;
}

test("each start of a program on trial takes a try, and then what ran before runs, with the reason", async () => {
  const dir = await copy();
  for (const left of [2, 1, 0]) {
    const { program, notes } = launch(dir);
    assert.deepEqual(notes, []);
    assert.equal(program?.version, "0.3.0");
    assert.equal(program.mainPath, join(dir, "b", "umec.mjs"));
    assert.equal(program.trial?.triesLeft, left);
    assert.equal(readState(dir).state.trial?.triesLeft, left);
    assert.equal(noteEnd(dir, program, 1, left === 0 ? "TypeError: x" : "another"), 1);
  }
  const { program, notes } = launch(dir);
  assert.equal(program?.version, "0.2.0");
  assert.equal(program.trial, undefined);
  const reason = "it was not good after its last start, which ended with status 1: TypeError: x";
  assert.deepEqual(notes, [`program 0.3.0 has failed: ${reason}`]);
  const after = {
    format: 1,
    current: { place: "a", version: "0.2.0" },
    outcome: { id: "to-0.3.0", phase: "fell-back", from: "0.2.0", to: "0.3.0", reason },
    ended: "to-0.3.0",
  };
  assert.deepEqual(readState(dir).state, after);
  // And stays so.
  assert.deepEqual(launch(dir), { program, notes: [] });
  assert.deepEqual(readState(dir).state, after);
});

test("a good program starts without a word on the disk", async () => {
  const dir = await calm();
  assert.equal(launch(dir).program?.version, "0.2.0");
  await writeFile(join(dir, "current.json"), JSON.stringify(readState(dir).state), { mode: 0o400 });
  const old = readState(dir).state;
  for (let start = 0; start < 50; start++) assert.equal(launch(dir).program?.version, "0.2.0");
  assert.deepEqual(readState(dir).state, old);
});

test("the root slot's addons are linked to, whatever lay there", async () => {
  const dir = await calm();
  const at = join(dir, "a", "x.node");
  for (const make of [
    () => rm(at, { force: true }),
    () => writeFile(at, "machine code of somebody else"),
    () => symlink("/tmp/other.node", at),
    () => mkdir(at),
  ]) {
    await rm(at, { recursive: true, force: true });
    await make();
    assert.deepEqual(launch(dir).notes, []);
    assert.equal(await readlink(at), join(lib, "x.node"));
  }
});

const damages: Record<string, [reason: RegExp, damage: (place: string) => Promise<void>]> = {
  "a file with more in it": [
    /umec.mjs is not what was signed/,
    (at) => appendFile(join(at, "umec.mjs"), "evil()"),
  ],
  "a file with something else in it": [
    /other-ABC.mjs is not what was signed/,
    (at) => writeFile(join(at, "other-ABC.mjs"), "export default 2;\n"),
  ],
  "a link to the same": [
    /umec.mjs is not what was signed/,
    async (at) => {
      await copyFile(join(at, "umec.mjs"), join(at, "..", "umec.mjs"));
      await rm(join(at, "umec.mjs"));
      await symlink("../umec.mjs", join(at, "umec.mjs"));
    },
  ],
  "a file too many": [/a file too many: package.json/, (at) => writeFile(join(at, "package.json"), "{}")],
  "a folder too many": [
    /a file too many: node_modules/,
    (at) => mkdir(join(at, "node_modules")).then(() => {}),
  ],
  "a file too few": [/ENOENT.*other-ABC.mjs/, (at) => rm(join(at, "other-ABC.mjs"))],
  "another head": [/no program of µMEC/, (at) => writeFile(join(at, "head"), "UMECJS2\n")],
  "the head of another version": [
    /has 0\.[23]\.0 instead of 0\.[23]\.0/,
    (at) => copyFile(join(at, "..", at.endsWith("a") ? "b" : "a", "head"), join(at, "head")),
  ],
  "no place": [/ENOENT/, (at) => rm(at, { recursive: true })],
};

for (const [name, [reason, damage]] of Object.entries(damages)) {
  test(`with ${name} a program does not run: on trial it falls back, and a good one is forgotten`, async () => {
    const dir = await copy();
    await damage(join(dir, "b"));
    assert.equal(launch(dir).program?.version, "0.2.0");
    const { current, outcome } = readState(dir).state;
    assert.equal(current?.version, "0.2.0");
    assert.equal(outcome?.phase, "fell-back");
    assert.match(outcome.reason ?? "", reason);

    const good = await calm();
    await damage(join(good, "a"));
    const { program, notes } = launch(good);
    assert.equal(program, undefined);
    assert.match(notes.join(), reason);
    const after = readState(good).state;
    assert.equal(after.current, undefined);
    assert.match(after.outcome?.reason ?? "", reason);
    assert.deepEqual([after.outcome?.from, after.outcome?.to], ["0.1.0", "0.2.0"]);
  });
}

test("both are damaged: the system's own scripts run, and one outcome says of the second", async () => {
  const dir = await copy();
  for (const place of ["a", "b"]) await appendFile(join(dir, place, "umec.mjs"), " ");
  const { program, notes } = launch(dir);
  assert.equal(program, undefined);
  assert.equal(notes.length, 2);
  assert.equal(readState(dir).state.current, undefined);
});

test("whose signer no CA vouches for any more does not run", async () => {
  const other = await issue(files, "other-root", { ca: true });
  const { program, notes } = launch(await calm(), { keyringPath: other.certificatePath });
  assert.equal(program, undefined);
  assert.match(notes.join(), /"signer", whom no CA/);
});

test("a certificate that expires later leaves a good program alone", async () => {
  const dir = join(await scratch(), "program");
  const long = await issue(files, "long-root", { ca: true, from: stamp(-900) });
  const old = await issue(files, "old", { by: long, from: stamp(-400), to: stamp(-100) });
  const builtAt = new Date(Date.now() - 200 * 86_400_000);
  const path = await writeTestProgram(files, { by: old, version: "0.9.0", builtAt });
  await installProgram(path, {
    dir,
    system: testSystem,
    keyringPath: long.certificatePath,
    running: "0.1.0",
  });
  assert.equal(launch(dir, { keyringPath: long.certificatePath }).program?.version, "0.9.0");
});

test("a system that is as new or newer runs its own scripts; after its fall-back the program runs again", async () => {
  const dir = await calm();
  for (const version of ["0.2.0", "0.2.1", "1.0.0"]) {
    const { program, notes } = launch(dir, { system: { version } });
    assert.equal(program, undefined);
    assert.match(notes.join(), new RegExp(`the system is ${version}, which is as new or newer`));
  }
  assert.equal(launch(dir).program?.version, "0.2.0");
});

test("a program that does not fit the system any more waits for one that it fits", async () => {
  const dir = await calm();
  const { program, notes } = launch(dir, { system: { addons: { "x.node": "2.0.0" } } });
  assert.equal(program, undefined);
  assert.match(notes.join(), /needs x.node of version 1.2.3, and here is 2.0.0/);
  assert.equal(launch(dir).program?.version, "0.2.0");
});

test("a trial ends with a system that overtakes it", async () => {
  const dir = await copy();
  const { program, notes } = launch(dir, { system: { version: "0.3.0" } });
  assert.equal(program, undefined);
  assert.equal(notes.length, 2);
  assert.deepEqual(readState(dir).state.current, { place: "a", version: "0.2.0" });
  assert.match(readState(dir).state.outcome?.reason ?? "", /the system is 0.3.0/);
});

test("a state that is damaged, and none at all, mean the system's own scripts", async () => {
  const dir = await copy();
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '{"format":2}',
    '{"format":1,"current":{"place":"../x","version":"1.0.0"}}',
  ]) {
    await writeFile(join(dir, "current.json"), text);
    const { program, notes } = launch(dir);
    assert.equal(program, undefined, text);
    assert.match(notes.join(), /current.json is damaged/, text);
  }
  await rm(join(dir, "current.json"));
  assert.deepEqual(launch(dir), { notes: [] });
});

test("where a start can't be counted, the program on trial does not run", async () => {
  const dir = await copy();
  // In the way of the draft.
  await mkdir(join(dir, "current.json.new0"));
  const { program, notes } = launch(dir);
  assert.equal(program?.version, "0.2.0");
  assert.match(notes.join(), /can't be written: EISDIR.*its start can't be counted/);
});

test("how a process of a program on trial ends counts", async () => {
  const program = { place: "b", version: "0.3.0" } as const;
  const after = async (status: number, error?: string): Promise<[number, ProgramState]> => {
    const dir = await copy();
    launch(dir);
    const told = noteEnd(dir, program, status, error);
    return [told, readState(dir).state];
  };
  for (const asked of [0, 130, 143]) {
    const [status, { trial }] = await after(asked);
    assert.deepEqual([status, trial?.triesLeft, trial?.lastEnd], [asked, 3, undefined]);
  }
  const [status, { trial }] = await after(1, "boom");
  assert.deepEqual([status, trial?.triesLeft, trial?.lastEnd], [1, 2, "ended with status 1: boom"]);
  // systemd does not start it again after these.
  for (const fatal of [2, 3]) {
    const [ended, { current, outcome }] = await after(fatal);
    assert.deepEqual([ended, current?.version, outcome?.phase], [75, "0.2.0", "fell-back"]);
    assert.match(outcome?.reason ?? "", new RegExp(`ended with status ${fatal}, and is not started again`));
  }
  const good = await calm();
  assert.equal(noteEnd(good, { place: "a", version: "0.2.0" }, 3), 3);
  assert.equal(readState(good).state.current?.version, "0.2.0");
});

test("what can't be loaded is left for what ran before", async () => {
  const dir = await copy();
  assert.ok(abandon(dir, { place: "b", version: "0.3.0" }, "it can't be loaded: x"));
  assert.equal(launch(dir).program?.version, "0.2.0");
  assert.ok(abandon(dir, { place: "a", version: "0.2.0" }, "it can't be loaded: y"));
  assert.equal(launch(dir).program, undefined);
  assert.match(readState(dir).state.outcome?.reason ?? "", /can't be loaded: y/);
});
