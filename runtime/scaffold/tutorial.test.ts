import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createScratch } from "../test-scratch.ts";
import { newDriver } from "./new-driver.ts";
import { copyClone, follow, readTutorial, type Step, stepsOf } from "./tutorial.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const scratch = createScratch();

test("the tutorial's steps run as they stand, and what they make passes the project's checks", async () => {
  const clone = await scratch();
  await copyClone(root, clone, "link");
  const steps = stepsOf(await readTutorial(root)).filter(
    (step) => step.kind === "file" || step.on === "here",
  );
  assert.equal(steps.filter(({ kind }) => kind === "run").length, 3);
  assert.equal(steps.filter(({ kind }) => kind === "file").length, 7);
  for (const step of steps) await follow(step, clone);
  await follow(
    { kind: "run", on: "here", script: "tsc -p .\nbiome check drivers/bh1750 qemu-tests/bh1750.test.ts" },
    clone,
  );
});

test("a command of the tutorial that fails is seen", async () => {
  const clone = await scratch();
  await assert.rejects(follow({ kind: "run", on: "here", script: "false\ntrue\n" }, clone), /failed: false/);
});

test("a new driver passes the project's checks before anything is changed", async () => {
  const clone = await scratch();
  await copyClone(root, clone, "link");
  const files = await newDriver("aa-first", clone);
  assert.equal(files.length, 6);
  const list = await readFile(join(clone, "runtime/drivers.ts"), "utf8");
  assert.match(
    list,
    /\(\[\n {2}\["aa-first", \(\) => import\("\.\.\/drivers\/aa-first\/driver\.ts"\)\],\n {2}\["/,
  );
  const checks: Step = {
    kind: "run",
    on: "here",
    script:
      "tsc -p .\nbiome check drivers runtime/drivers.ts qemu-tests\nnode --test 'drivers/aa-first/*.test.ts'",
  };
  await follow(checks, clone);
  await assert.rejects(newDriver("aa-first", clone), { code: "SCAFFOLD_EXISTS" });
  await newDriver("zz-last", clone);
  assert.match(await readFile(join(clone, "runtime/drivers.ts"), "utf8"), /zz-last\/driver\.ts"\)\],\n\]\);/);
});

test("a wrong name or place is refused before anything is written", async () => {
  const empty = await scratch();
  await assert.rejects(newDriver("BH1750", root), { code: "SCAFFOLD_NAME" });
  await assert.rejects(newDriver("../x", root), { code: "SCAFFOLD_NAME" });
  await assert.rejects(newDriver("x", empty), { code: "SCAFFOLD_NO_CLONE" });
});

test("`umec new driver` says what to do next", async () => {
  const clone = await scratch();
  await copyClone(root, clone, "link");
  const umec = join(root, "runtime/cli/umec.ts");
  const args = ["--disable-warning=ExperimentalWarning", umec, "new", "driver", "flow"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: clone });
  assert.match(stdout, /drivers\/flow\/driver\.ts\n(.*\n)+ {2}node --test 'drivers\/flow\/\*\.test\.ts'\n$/);
});
