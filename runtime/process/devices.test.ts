import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createScratch } from "../test-scratch.ts";
import { guardDevices, watchDevices, whyNoGuard } from "./devices.ts";

const run = promisify(execFile);
const scratch = createScratch();

async function guards(t: TestContext): Promise<boolean> {
  const why = await whyNoGuard();
  if (why !== undefined) t.skip(`${why}; qemu-tests/isolated.test.ts has what it takes`);
  return why === undefined;
}

async function sh(script: string, devices: readonly string[], cwd = "/"): Promise<string> {
  const { argv } = await guardDevices(devices, ["/bin/sh", "-c", script]);
  return (await run(argv[0]!, argv.slice(1), { cwd })).stdout.trim();
}

test("only the listed nodes open, and what every program takes for granted", async (t) => {
  if (!(await guards(t))) return;
  const tries = 'for d in null urandom kmsg; do (: </dev/$d) 2>/dev/null && echo "$d"; done; :';
  assert.equal(await sh(tries, []), "null\nurandom");
  assert.equal(await sh(tries, ["/dev/kmsg"]), "null\nurandom\nkmsg");
});

test("files are as open as they were: read, write, moved from folder to folder", async (t) => {
  if (!(await guards(t))) return;
  const dir = await scratch();
  const script = "mkdir a b && echo x >a/f && mv a/f b/f && cat b/f && ls /dev >/dev/null";
  assert.equal(await sh(script, [], dir), "x");
});

test("a listed node that is not there is told, and does not hinder the start", async () => {
  const { argv, missing } = await guardDevices(["/dev/umec-none", "/dev/null"], ["/bin/prog", "a b"]);
  assert.deepEqual(missing, ["/dev/umec-none"]);
  assert.ok(!argv.join().includes("umec-none"));
  assert.deepEqual(argv.slice(-3), ["--", "/bin/prog", "a b"]);
});

test("a node that comes, or comes again, is told once; one that only goes is not", async () => {
  const dir = await scratch();
  const [node, other, link] = [join(dir, "node"), join(dir, "other"), join(dir, "link")];
  await writeFile(node, "");
  await symlink(node, link);
  const next = (paths: string[]): Promise<string> =>
    new Promise((resolve) => {
      const ending = new AbortController();
      const onChange = (path: string): void => {
        ending.abort();
        resolve(path);
      };
      void watchDevices(paths, onChange, { signal: ending.signal, everyMs: 5 }).then(async () => {
        if (paths.length === 1) await rename(node, join(dir, "gone"));
        await writeFile(other, "");
        await rename(other, node);
      });
    });
  // By the name under /dev/serial/by-id, as users list it.
  assert.equal(await next([link]), link);
  assert.equal(await next([join(dir, "none"), node]), node);
});
