import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../runtime/test-scratch.ts";
import { root } from "./paths.ts";
import { here, start } from "./test-bundle.ts";

const scratch = createScratch();
const architecture = here === "x64" ? "amd64" : here;

/** Asks the script with a cache that holds a nats-server, on a machine that has no apt. */
async function ask(args: readonly string[], { whole, named }: { whole: boolean; named: boolean }) {
  const cache = await scratch();
  const dir = join(cache, "umec/nats-server", architecture);
  await mkdir(dir, { recursive: true });
  const binary = join(dir, "nats-server");
  await writeFile(binary, "#!/bin/sh\necho nats-server: v2.15.1\n", { mode: 0o755 });
  if (whole) await writeFile(join(dir, "version"), "2.15.1-1\n");
  const path = join(cache, "bin");
  await mkdir(path);
  for (const tool of ["flock", "mkdir", "sed", "uname"]) await symlink(`/usr/bin/${tool}`, join(path, tool));
  const env = {
    XDG_CACHE_HOME: cache,
    PATH: path,
    ...(named && { UMEC_NATS_SERVER: process.execPath }),
  };
  const script = join(root, "bundle/nats-server.sh");
  return { binary, ...(await start(script, args, { cwd: cache, env }).ended) };
}

test("for a bundle the package in the cache counts, whatever the environment names", async () => {
  const { code, stdout, stderr, binary } = await ask(["--package"], { whole: true, named: true });
  assert.deepEqual([code, stdout], [0, `${binary}\n`], stderr);
});

test("for a bundle a binary in the cache without its package's files does not count", async () => {
  const { code, stdout, stderr } = await ask(["--package", architecture], { whole: false, named: false });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /there is no apt-get here/);
});

test("to run here the binary in the cache is enough", async () => {
  const { code, stdout, stderr, binary } = await ask([architecture], { whole: false, named: false });
  assert.deepEqual([code, stdout], [0, `${binary}\n`], stderr);
});
