import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "overlay");
const tools = join(import.meta.dirname, "../tools/run");

/** Highest exposure (systemd-analyze(1), 0 to 10) of a unit of ours. */
const limit = 2.5;
/** Those that can't keep to it. */
const exceptions: Record<string, { limit: number; why: string }> = {
  "umec-data.service": { limit: 4.2, why: "mounts for everybody, so it has no file system view of its own" },
  "umec-debug-shell.service": { limit: 10, why: "starts only where the kernel's command line asks for it" },
  "umec-ssh@.service": { limit: 10, why: "a person's session in the whole system" },
};

async function exposure(unit: string): Promise<number> {
  const args = ["systemd-analyze", "security", "--no-pager", "--offline=true", `--root=${root}`, unit];
  const { stdout } = await run(tools, args, { maxBuffer: 2 ** 22 });
  const level = /Overall exposure level for \S+: ([\d.]+) /.exec(stdout)?.[1];
  assert.ok(level, stdout);
  return Number(level);
}

test("each service of ours is held by systemd as far as its work lets it", {
  timeout: 120_000,
}, async (t) => {
  const files = await readdir(join(root, "usr/lib/systemd/system"));
  const units = files.filter((name) => /^umec.*\.service$/.test(name));
  assert.ok(units.length >= 8, units.join());
  for (const unit of units) {
    const most = exceptions[unit]?.limit ?? limit;
    await t.test(`${unit}: at most ${most}`, async () => {
      const level = await exposure(unit);
      assert.ok(level <= most, `systemd-analyze security says ${level}; see umec-.service.d/00-sandbox.conf`);
    });
  }
});
