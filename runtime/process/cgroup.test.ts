/**
 * With the groups of a real kernel, where this user may make any: `qemu-tests/isolated.test.ts` has them with all
 * limits, as systemd hands them on.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, constants, mkdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createScratch } from "../test-scratch.ts";
import { endGroup, findCgroupHome, groupFiles, groupPath, inGroup, makeGroup } from "./cgroup.ts";

const scratch = createScratch();
let made = 0;

/** A part of the tree as systemd would hand it on; `undefined` where nobody may make one. */
async function handedOn(t: TestContext) {
  for (const root of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    try {
      await access(join(root, "cgroup.procs"), constants.W_OK);
      const name = `umec-test-${process.pid}-${++made}`;
      const leaf = join(root, name, "runtime");
      await mkdir(leaf, { recursive: true });
      t.after(async () => {
        await rmdir(leaf);
        await rmdir(join(root, name));
      });
      const self = join(await scratch(), "cgroup");
      await writeFile(self, `9:name=systemd:/\n0::/${name}/runtime\n`);
      return { root, self, path: join(root, name) };
    } catch {
      // The next place, or none.
    }
  }
  t.skip("no control group can be made here");
  return undefined;
}

function start(argv: readonly string[]) {
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "pipe", "inherit"], detached: true });
  const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  return { child, exit, line: once(child.stdout!.setEncoding("utf8"), "data") as Promise<[string]> };
}

test("limits are written as the kernel reads them", () => {
  assert.deepEqual(groupFiles({ memoryBytes: 2 ** 26, cpuPercent: 50 }), {
    "pids.max": "64",
    "memory.oom.group": "1",
    "cpu.weight": "33",
    "memory.swap.max": "0",
    "memory.max": "67108864",
    "cpu.max": "50000 100000",
  });
  assert.equal(groupFiles({ cpuPercent: 200 })["cpu.max"], "200000 100000");
  assert.deepEqual(Object.keys(groupFiles({})), ["pids.max", "memory.oom.group", "cpu.weight"]);
});

test("only a service that was started in the leaf of a part of its own makes groups", async () => {
  const dir = await scratch();
  const self = join(dir, "cgroup");
  const path = join(dir, "slice");
  const kill = join(path, "runtime", "cgroup.kill");
  await mkdir(join(path, "runtime"), { recursive: true });
  for (const file of ["procs", "subtree_control"]) await writeFile(join(path, `cgroup.${file}`), "");
  await writeFile(kill, "");
  const find = async (line: string) => {
    await writeFile(self, `9:name=systemd:/slice/runtime\n${line}\n`);
    return (await findCgroupHome({ self, root: dir }))?.path;
  };
  assert.equal(await find("0::/slice/runtime"), path);
  for (const own of ["8:memory:/slice/runtime", "0::/", "0::/slice/umec.service", "0::/nowhere/runtime"])
    assert.equal(await find(own), undefined, own);
  await rm(kill);
  assert.equal(await find("0::/slice/runtime"), undefined);
  assert.equal(await findCgroupHome({ self: join(dir, "none") }), undefined);
});

test("a program runs in its group from its first instruction, its descendants too, and all end with it", async (t) => {
  const part = await handedOn(t);
  if (!part) return;
  const home = await findCgroupHome(part);
  assert.equal(home?.path, part.path);
  const path = groupPath(home!, "p");
  await makeGroup(home!, path, { memoryBytes: 2 ** 26 });
  // The second one leaves the process group and the session, and has another parent at once.
  const script = `(setsid sleep 1000 &); cat /proc/self/cgroup | grep ^0::; exec sleep 1000`;
  const { child, exit, line } = start(inGroup(path, ["/bin/sh", "-c", script, "a b"]));
  assert.equal((await line)[0], `0::${path.slice(part.root.length)}\n`);
  const members = (await readFile(join(path, "cgroup.procs"), "utf8")).trim().split("\n").map(Number);
  assert.ok(members.includes(child.pid!) && members.length >= 2, members.join());

  await endGroup(path);
  assert.deepEqual(await exit, [null, "SIGKILL"]);
  await assert.rejects(access(path), { code: "ENOENT" });
  await endGroup(path);
});

test("a group that an earlier life has left is ended, with what is below it, and made anew", async (t) => {
  const part = await handedOn(t);
  if (!part) return;
  const home = (await findCgroupHome(part))!;
  const path = groupPath(home, "p");
  await makeGroup(home, path, {});
  await mkdir(join(path, "below"));
  const { exit, line } = start(
    inGroup(join(path, "below"), ["/bin/sh", "-c", "echo there; exec sleep 1000"]),
  );
  await line;
  await makeGroup(home, path, {});
  assert.deepEqual(await exit, [null, "SIGKILL"]);
  assert.equal(await readFile(join(path, "cgroup.procs"), "utf8"), "");
  await assert.rejects(access(join(path, "below")), { code: "ENOENT" });
  await endGroup(path);
});

test("who can't enter the group does not run", async () => {
  const { exit } = start(inGroup(join(tmpdir(), "umec-no-such-group"), ["/bin/sh", "-c", "exit 0"]));
  assert.deepEqual(await exit, [125, null]);
});
