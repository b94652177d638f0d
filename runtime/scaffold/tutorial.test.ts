import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createScratch } from "../test-scratch.ts";
import { newDriver } from "./new-driver.ts";
import { copyClone, follow, readTutorial, stepsOf } from "./tutorial.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const scratch = createScratch();

/** One clone for the drivers that are made, as checking all of its types takes long. */
let clone: string;
before(async () => {
  clone = await scratch();
  await copyClone(root, clone, "link");
});

test("the tutorial's steps run as they stand", async () => {
  const steps = stepsOf(await readTutorial(root)).filter(
    (step) => step.kind === "file" || step.on === "here",
  );
  assert.equal(steps.filter(({ kind }) => kind === "run").length, 3);
  assert.equal(steps.filter(({ kind }) => kind === "file").length, 7);
  for (const step of steps) await follow(step, clone);
});

test("a new driver is in the list, and its tests pass before anything is changed", async () => {
  const files = await newDriver("aa-first", clone);
  assert.equal(files.length, 6);
  const list = await readFile(join(clone, "runtime/drivers.ts"), "utf8");
  assert.match(
    list,
    /\(\[\n {2}\["aa-first", \(\) => import\("\.\.\/drivers\/aa-first\/driver\.ts"\)\],\n {2}\["/,
  );
  await follow({ kind: "run", on: "here", script: "node --test 'drivers/aa-first/*.test.ts'" }, clone);
});

test("what the tutorial makes, and a new driver as it is, pass the project's checks", async () => {
  const made = ["bh1750", "aa-first"].map((name) => `drivers/${name} qemu-tests/${name}.test.ts`).join(" ");
  for (const path of made.split(" ")) assert.ok(existsSync(join(clone, path)), path);
  // Of all files only these, and what they import: the others know them by nothing else.
  const include = ["runtime/drivers.ts", "**/*.d.ts", ...made.split(" ")];
  await writeFile(join(clone, "tsconfig.made.json"), JSON.stringify({ extends: "./tsconfig.json", include }));
  const script = `tsc -p tsconfig.made.json\nbiome check runtime/drivers.ts ${made}`;
  await follow({ kind: "run", on: "here", script }, clone);
});

test("a driver is made once, and the last one comes last", async () => {
  await assert.rejects(newDriver("aa-first", clone), { code: "SCAFFOLD_EXISTS" });
  await newDriver("zz-last", clone);
  assert.match(await readFile(join(clone, "runtime/drivers.ts"), "utf8"), /zz-last\/driver\.ts"\)\],\n\]\);/);
});

test("a command of the tutorial that fails is seen", async () => {
  await assert.rejects(follow({ kind: "run", on: "here", script: "false\ntrue\n" }, clone), /failed: false/);
});

test("a wrong name or place is refused before anything is written", async () => {
  const empty = await scratch();
  await assert.rejects(newDriver("BH1750", root), { code: "SCAFFOLD_NAME" });
  await assert.rejects(newDriver("../x", root), { code: "SCAFFOLD_NAME" });
  await assert.rejects(newDriver("x", empty), { code: "SCAFFOLD_NO_CLONE" });
});

test("`umec new driver` says what to do next", async () => {
  const umec = join(root, "runtime/cli/umec.ts");
  const args = ["--disable-warning=ExperimentalWarning", umec, "new", "driver", "flow"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: clone });
  assert.match(stdout, /drivers\/flow\/driver\.ts\n(.*\n)+ {2}node --test 'drivers\/flow\/\*\.test\.ts'\n$/);
});
