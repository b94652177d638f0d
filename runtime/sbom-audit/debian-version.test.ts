import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { compareDebianVersions, upstreamVersion } from "./debian-version.ts";

/** Each is older than the next. */
const ascending = [
  "0~~",
  "0~~a",
  "0~",
  "0",
  "0.0",
  "0.0a",
  "0.0+",
  "0.1~rc1-1",
  "0.1-1~bpo12+1",
  "0.1-1",
  "0.1-1+b9",
  "0.1-1+deb13u1",
  "0.1-1+deb13u2",
  "0.1-1+deb13u10",
  "0.1-2",
  "0.1a-1",
  "0.1+dfsg-1",
  "0.1.2-1",
  "0.9",
  "0.10",
  "1.37.0-6",
  "6.12.117",
  "6.12.117-1",
  "2025.89-1~deb13u1",
  "20250419",
  "20250419+deb13u1",
  "99999999999999999999999.1",
  "1:0.1",
  "1:1.37.0-6+b9",
  "2:0",
  "10:0",
];

const equal = [
  ["1.0", "0:1.0"],
  ["1.0", "1.0-0"],
  ["1.0-1", "1.00-01"],
  ["1.0", "01.0"],
  ["a-b-1", "a-b-01"],
] as const;

const sign = (a: string, b: string): number => Math.sign(compareDebianVersions(a, b));

test("each of a list of versions is older than all behind it, and no older than itself", () => {
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) assert.equal(sign(a, b), Math.sign(i - j), `${a} and ${b}`);
  }
  for (const [a, b] of equal) assert.deepEqual([sign(a, b), sign(b, a)], [0, 0], `${a} and ${b}`);
});

test("dpkg says the same", (t) => {
  if (spawnSync("dpkg", ["--version"]).status !== 0) return t.skip("there is no dpkg here");
  const differs = (a: string, b: string): boolean => {
    const word = ["lt", "eq", "gt"][sign(a, b) + 1]!;
    return spawnSync("dpkg", ["--compare-versions", a, word, b]).status !== 0;
  };
  // Neighbours, and some far apart: with each pair this would start a thousand processes.
  const pairs = ascending.flatMap((a, i) => [1, 2, 7].map((step) => [a, ascending[i + step]] as const));
  let asked = 0;
  for (const [a, b] of [...pairs, ...equal]) {
    // dpkg wants a digit in front.
    if (b === undefined || !/^\d/.test(a)) continue;
    asked++;
    assert.equal(differs(a, b), false, `${a} and ${b}`);
    assert.equal(differs(b, a), false, `${b} and ${a}`);
  }
  assert.ok(asked > 80);
});

test("upstream's version stands between the epoch and the last dash", () => {
  assert.equal(upstreamVersion("1:3.46.1-rc2-7+deb13u1"), "3.46.1-rc2");
  assert.equal(upstreamVersion("3.46.1"), "3.46.1");
});
