import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scratch, umec } from "./test-program.ts";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../sbom-audit/fixtures/${name}`, import.meta.url));
const shipped = fixture("shipped");
const lists = ["--debian", fixture("tracker.json"), "--npm", fixture("npm-audit.json")];

test("what is open ends with 1, and says what mends it and how to get that", async () => {
  const { code, stdout, stderr } = await umec(["audit", shipped, ...lists]);
  assert.deepEqual([code, stderr], [1, ""]);
  assert.match(
    stdout,
    /^high +CVE-2026-0004 {2}linux 6\.12\.117-1 \(kernel\)\n.*\n +fixed in 6\.12\.120-1, in trixie-security: the next/m,
  );
  assert.match(
    stdout,
    /^unknown +CVE-2026-0001 {2}openssl 3\.5\.1-1\+deb13u1 \(libssl3t64, openssl-provider-legacy\)$/m,
  );
  assert.match(
    stdout,
    /^not checked:\n {2}no list given: --node: node 24\.21\.0\n {2}no list knows it: left-over 1$/m,
  );
  assert.match(
    stdout,
    /^6 open, 3 of them high or worse, or not judged yet, 1 undetermined, 0 ignored, 2 parts not checked$/m,
  );
  assert.match(stdout, /^\d are mended by the next base version: image\/bump\.sh$/m);
});

test("the bound can be moved, and what is ignored with a reason does not count", async () => {
  await using dir = await scratch();
  const path = join(dir.path, "ignore.yaml");
  const entry = (id: string) =>
    `- { vulnerability: ${id}, status: accepted, reason: not reached from outside, until: 2999-01-01 }\n`;
  await writeFile(path, ["CVE-2026-0004", "CVE-2026-0001", "CVE-2026-0006"].map(entry).join(""));
  const run = async (...more: string[]) => (await umec(["audit", shipped, ...lists, ...more])).code;
  assert.equal(await run("--fail-on", "critical"), 0);
  assert.equal(await run("--fail-on", "never"), 0);
  assert.equal(await run("--ignore", path), 0);
  assert.equal(await run("--ignore", path, "--fail-on", "low"), 1);
});

test("--json is one object", async () => {
  const { code, stdout } = await umec(["audit", shipped, ...lists, "--json"]);
  assert.equal(code, 1);
  const { open, failing, unchecked } = JSON.parse(stdout);
  assert.deepEqual([open.length, failing.length, unchecked.length], [6, 3, 2]);
  assert.equal(open[0].part.name, "linux");
});

for (const [what, args, message] of [
  ["no list", [shipped], /there is no list to compare with/],
  ["no path", lists, /missing required argument 'paths'/],
  ["a bound that is none", [shipped, ...lists, "--fail-on", "bad"], /--fail-on bad: low, medium/],
  ["a path that is not there", ["absent", ...lists], /absent: ENOENT/],
  [
    "a list that is none",
    [shipped, "--debian", fixture("npm-audit.json")],
    /says nothing about Debian's release/,
  ],
  ["an ignore file that is not there", [shipped, ...lists, "--ignore", "absent"], /absent: ENOENT/],
] as const) {
  test(`${what} is a wrong call, with status 2`, async () => {
    const { code, stdout, stderr } = await umec(["audit", ...args]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, message);
  });
}
