import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("the launcher runs the clone's own program on the clone's own Node.js, through a link and from anywhere", () => {
  const dir = mkdtempSync(join(tmpdir(), "umec launcher "));
  try {
    const clone = join(dir, "clone");
    mkdirSync(join(clone, "node_modules/.bin"), { recursive: true });
    mkdirSync(join(clone, "runtime/cli"), { recursive: true });
    const launcher = join(clone, "node_modules/.bin/umec");
    copyFileSync(fileURLToPath(new URL("launcher.sh", import.meta.url)), launcher);
    chmodSync(launcher, 0o755);
    symlinkSync(process.execPath, join(clone, "node_modules/.bin/node"));
    const program =
      "console.log(JSON.stringify([process.argv.slice(2), process.execArgv])); process.exit(75);";
    writeFileSync(join(clone, "runtime/cli/umec.ts"), program);
    symlinkSync(launcher, join(dir, "umec"));

    const { status, stdout } = spawnSync(join(dir, "umec"), ["check", "two words"], {
      cwd: "/",
      encoding: "utf8",
    });
    assert.equal(status, 75);
    const [args, flags] = JSON.parse(stdout);
    assert.deepEqual(args, ["check", "two words"]);
    assert.ok(flags.includes("--max-semi-space-size=4"));
  } finally {
    rmSync(dir, { recursive: true });
  }
});
