import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const reporter = fileURLToPath(new URL("count-reporter.ts", import.meta.url));

/** Runs test files as `make test` does. */
function run(files: Record<string, string>): { code: number | null; lastLine: string | undefined } {
  const dir = mkdtempSync(join(tmpdir(), "umec-reporter-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    // A run inside a run would report to the outer one, and count with it.
    const { NODE_TEST_CONTEXT: _, UMEC_TEST_TALLY: __, ...env } = process.env;
    const args = ["--test", `--test-reporter=${reporter}`, "--test-concurrency=2", `${dir}/**/*.test.ts`];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", env });
    return { code: status, lastLine: stdout.trimEnd().split("\n").at(-1) };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const passes =
  'import { test } from "node:test"; test("is well", async (t) => { await t.test("inside", () => {}); });';
const fails = 'import { test } from "node:test"; test("is not", () => { throw new Error("no"); });';

test("the last line counts what passed, each test within a test too, and all well is status 0", () => {
  assert.deepEqual(run({ "a.test.ts": passes, "b.test.ts": passes }), {
    code: 0,
    lastLine: "4 passed, 0 failed",
  });
});

test("a test that fails is counted, and is status 1", () => {
  assert.deepEqual(run({ "a.test.ts": passes, "b.test.ts": fails }), {
    code: 1,
    lastLine: "2 passed, 1 failed",
  });
});

test("a file that can't be loaded, and one whose process dies, count as failed", () => {
  const broken = 'import "./missing.ts";';
  const dies =
    "setTimeout(() => process.exit(3), 50); await new Promise((done) => setTimeout(done, 10_000));";
  const { code, lastLine } = run({ "a.test.ts": passes, "b.test.ts": broken, "c.test.ts": dies });
  assert.deepEqual([code, lastLine], [1, "2 passed, 2 failed"]);
});
