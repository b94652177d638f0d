import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { findNatsServer, findNatsServerPath } from "./find-server.ts";

const architecture = process.arch === "x64" ? "amd64" : process.arch;

async function fakeServer(path: string, version: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(path, 0o755);
  return path;
}

const scratch = createScratch();

test("the file that UMEC_NATS_SERVER names goes before the PATH", async () => {
  const dir = await scratch();
  const named = await fakeServer(join(dir, "named", "nats"), "2.15.1");
  await fakeServer(join(dir, "bin", "nats-server"), "2.16.0");
  const found = await findNatsServer({ env: { UMEC_NATS_SERVER: named, PATH: join(dir, "bin") } });
  assert.deepEqual(found, { path: named, version: "2.15.1" });
});

test("a nats-server on the PATH that is too old is passed over for the cache", async () => {
  const dir = await scratch();
  await fakeServer(join(dir, "bin", "nats-server"), "2.10.27");
  const cached = await fakeServer(join(dir, "umec", "nats-server", architecture, "nats-server"), "2.14.0");
  const found = await findNatsServer({ env: { PATH: join(dir, "bin"), XDG_CACHE_HOME: dir } });
  assert.deepEqual(found, { path: cached, version: "2.14.0" });
});

test("when all are too old the error says which and why", async () => {
  const dir = await scratch();
  const old = await fakeServer(join(dir, "bin", "nats-server"), "2.10.27");
  await assert.rejects(findNatsServer({ env: { PATH: join(dir, "bin") }, cacheDir: dir }), (error) => {
    assert.ok(isUmecError(error, "NATS_SERVER_TOO_OLD"));
    assert.match(error.message, new RegExp(`${old} is 2\\.10\\.27`));
    assert.match(error.hint ?? "", /make setup/);
    return true;
  });
});

test("when there is none the error says where it was looked for", async () => {
  const dir = await scratch();
  await assert.rejects(findNatsServer({ env: { PATH: dir }, cacheDir: dir }), (error) => {
    assert.ok(isUmecError(error, "NATS_SERVER_MISSING"));
    assert.ok(error.message.includes(dir));
    return true;
  });
});

test("a named file that does not exist is an error, whatever the PATH holds", async () => {
  const dir = await scratch();
  await fakeServer(join(dir, "bin", "nats-server"), "2.15.1");
  const env = { UMEC_NATS_SERVER: join(dir, "nowhere"), PATH: join(dir, "bin") };
  await assert.rejects(findNatsServer({ env }), (error) => isUmecError(error, "NATS_SERVER_MISSING"));
});

test("the one that lies beside the scripts is taken as it is, and any other is asked", async () => {
  const dir = await scratch();
  const own = await fakeServer(join(dir, "lib", "nats-server"), "2.10.27");
  const other = await fakeServer(join(dir, "other", "nats-server"), "2.10.27");
  const find = (named: string) =>
    findNatsServerPath({ env: { UMEC_NATS_SERVER: named }, scripts: join(dir, "lib") });
  assert.equal(await find(join(dir, "bin", "..", "lib", "nats-server")), own);
  await assert.rejects(find(other), (error) => isUmecError(error, "NATS_SERVER_TOO_OLD"));
  await chmod(own, 0o644);
  await assert.rejects(find(own), (error) => isUmecError(error, "NATS_SERVER_MISSING"));
});
