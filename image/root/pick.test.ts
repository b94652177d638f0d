import assert from "node:assert/strict";
import {
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { neededLibraries } from "./elf.ts";
import { PickError, pathsOf, pick } from "./pick.ts";

/** A tree of packages: a program, the libraries it is linked with, some of theirs, and things around them. */
async function packagesTree(t: TestContext): Promise<{ from: string; to: string; libraries: string[] }> {
  const dir = await mkdtemp(join(tmpdir(), "pick-test-"));
  t.after(() => rm(dir, { recursive: true }));
  const from = join(dir, "from");
  const folder = "usr/lib/aarch64-linux-gnu";
  await mkdir(join(from, folder), { recursive: true });
  await mkdir(join(from, "usr/bin"));
  await symlink("usr/bin", join(from, "bin"));
  await symlink("usr/lib", join(from, "lib"));
  // The program that runs this test is an ELF file that is linked with libraries.
  await copyFile(process.execPath, join(from, "usr/bin/program"));
  const libraries = neededLibraries(await readFile(process.execPath)) ?? [];
  assert.ok(libraries.length > 0);
  for (const library of libraries) {
    await writeFile(join(from, folder, `${library}.real`), "no ELF file", { mode: 0o4755 });
    await symlink(`${library}.real`, join(from, folder, library));
  }
  await writeFile(join(from, folder, "libunused.so.1"), "");
  await mkdir(join(from, "usr/share/data/deep"), { recursive: true });
  await writeFile(join(from, "usr/share/data/deep/file"), "content");
  return { from, to: join(dir, "to"), libraries };
}

const exists = (path: string) =>
  lstat(path).then(
    () => true,
    () => false,
  );

describe("pick", () => {
  it("takes a program with its libraries, and leaves the rest", async (t) => {
    const { from, to, libraries } = await packagesTree(t);
    await pick(from, ["bin", "lib", "usr/bin/program", "usr/share/data"], to);
    const folder = join(to, "usr/lib/aarch64-linux-gnu");
    for (const library of libraries) {
      assert.equal(await readlink(join(folder, library)), `${library}.real`);
      assert.ok(await exists(join(folder, `${library}.real`)));
    }
    assert.equal(await exists(join(folder, "libunused.so.1")), false);
    assert.equal(await readlink(join(to, "bin")), "usr/bin");
    assert.equal(await readFile(join(to, "usr/share/data/deep/file"), "utf8"), "content");
  });

  it("leaves no set-user-id", async (t) => {
    const { from, to, libraries } = await packagesTree(t);
    const path = `usr/lib/aarch64-linux-gnu/${libraries[0]}.real`;
    await pick(from, [path, "usr/share/data/deep/file"], to);
    assert.equal((await lstat(join(to, path))).mode & 0o7777, 0o755);
    assert.equal((await lstat(join(to, "usr/share/data/deep/file"))).mode & 0o7777, 0o644);
  });

  it("names everything that is missing, in one error", async (t) => {
    const { from, to, libraries } = await packagesTree(t);
    const library = libraries[0] ?? "";
    await rm(join(from, "usr/lib/aarch64-linux-gnu", library));
    await symlink("nowhere", join(from, "usr/bin/broken"));
    await assert.rejects(pick(from, ["usr/bin/program", "usr/bin/gone", "usr/bin/broken"], to), (error) => {
      assert.ok(error instanceof PickError);
      assert.ok(error.message.includes(`${library} (usr/bin/program is linked with it)`));
      assert.ok(error.message.includes("usr/bin/gone (it is in the list)"));
      assert.ok(error.message.includes("usr/bin/nowhere (usr/bin/broken points to it)"));
      return true;
    });
  });

  it("reads a list with comments", () => {
    assert.deepEqual(pathsOf("# head\nusr/bin/a  # why\n\n  usr/bin/b\n"), ["usr/bin/a", "usr/bin/b"]);
  });
});

describe("neededLibraries", () => {
  it("knows what is no ELF file", async () => {
    assert.equal(neededLibraries(Buffer.from("#!/bin/sh\n".repeat(20))), undefined);
    assert.equal(neededLibraries(Buffer.alloc(3)), undefined);
  });

  it("finds the C library in a linked program", async () => {
    assert.ok(neededLibraries(await readFile(process.execPath))?.includes("libc.so.6"));
  });
});
