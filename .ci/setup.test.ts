import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

/** A clone with the real scripts, an npm that only notes that it was called, and a nats-server that is there. */
function makeClone(t: TestContext) {
  const clone = mkdtempSync(join(tmpdir(), "umec setup "));
  t.after(() => rmSync(clone, { recursive: true }));
  cpSync(fileURLToPath(new URL(".", import.meta.url)), join(clone, ".ci"), { recursive: true });
  writeFileSync(join(clone, "package-lock.json"), "{}");
  const script = (path: string, text: string) => {
    mkdirSync(join(clone, path, ".."), { recursive: true });
    writeFileSync(join(clone, path), `#!/bin/sh\n${text}\n`);
    chmodSync(join(clone, path), 0o755);
  };
  script("bundle/nats-server.sh", "echo /usr/bin/nats-server");
  const bin = join(clone, "tools");
  const install = `mkdir -p node_modules/.bin && ln -sf "${process.execPath}" node_modules/.bin/node`;
  script("tools/npm", `echo "$@" >>npm.log; ${install}`);
  symlinkSync(process.execPath, join(bin, "node"));
  const setup = () => {
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
    return spawnSync(join(clone, ".ci/setup.sh"), { cwd: "/", encoding: "utf8", env });
  };
  const log = join(clone, "npm.log");
  const calls = () => (existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n").length : 0);
  return { clone, script, setup, calls };
}

test("the packages are installed once, and again only when the lock has changed", (t) => {
  const { clone, setup, calls } = makeClone(t);
  assert.equal(setup().status, 0);
  const launcher = statSync(join(clone, "node_modules/.bin/umec"));
  assert.equal(launcher.mode & 0o777, 0o755);
  const quiet = setup();
  assert.deepEqual([quiet.status, quiet.stdout, quiet.stderr, calls()], [0, "", "", 1]);
  writeFileSync(join(clone, "package-lock.json"), '{ "lockfileVersion": 3 }');
  assert.equal(setup().status, 0);
  assert.equal(calls(), 2);
});

test("an installation that failed is said, and done again the next time", (t) => {
  const { script, setup, calls } = makeClone(t);
  script("tools/npm", "echo failed >>npm.log; exit 1");
  const failed = setup();
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /\nsetup: npm ci did not succeed\nsetup: {3}/);
  setup();
  assert.equal(calls(), 2);
});

test("a Node.js that is too old for npm is said with what is needed", (t) => {
  const { clone, script, setup, calls } = makeClone(t);
  rmSync(join(clone, "tools/node"));
  script("tools/node", "case $1 in -p) echo 18 ;; *) echo v18.20.4 ;; esac");
  const { status, stderr } = setup();
  assert.equal(status, 1);
  assert.match(stderr, /v18\.20\.4, too old for npm\nsetup: {3}install Node\.js >= 20\n/);
  assert.equal(calls(), 0);
});

test("packages without Node.js 24 for this machine are no installation", (t) => {
  const { script, setup } = makeClone(t);
  script("tools/npm", "mkdir -p node_modules/.bin");
  assert.match(setup().stderr, /node_modules\/\.bin\/node is not Node\.js 24\n/);
  assert.equal(setup().status, 1);
});
