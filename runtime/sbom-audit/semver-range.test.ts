import assert from "node:assert/strict";
import { test } from "node:test";
import { compareSemver, formatSemver, parseRange, parseSemver, within } from "./semver-range.ts";

const inside = (version: string, range: string): boolean =>
  within(parseSemver(version)!, parseRange(range)!) !== undefined;

test("what is in a range and what is not", () => {
  const table: [range: string, inside: string[], outside: string[]][] = [
    ["<1.2.3", ["0.0.0", "1.2.2", "1.2.3-rc.1"], ["1.2.3", "1.2.4", "2.0.0"]],
    ["<=1.2.3", ["1.2.3", "1.2.3-0"], ["1.2.4", "1.2.4-0"]],
    [">=1.0.0 <1.4.2", ["1.0.0", "1.4.1", "1.4.2-beta"], ["0.9.9", "1.4.2", "1.0.0-rc.1"]],
    [">= 1.0.0, < 1.4.2", ["1.4.1"], ["1.4.2"]],
    ["<1.0.0 || >=2.0.0 <2.1.1", ["0.1.0", "2.1.0"], ["1.0.0", "2.1.1"]],
    ["=1.2.3", ["1.2.3", "1.2.3+build.5"], ["1.2.4"]],
    ["1.2.3", ["1.2.3"], ["1.2.2", "1.2.4"]],
    ["1.2.x", ["1.2.0", "1.2.99"], ["1.3.0", "1.1.9"]],
    ["8.x || 7.x || 4.x", ["8.1.0", "4.9.1"], ["6.0.0", "9.0.0"]],
    ["*", ["0.0.1", "99.0.0", "1.0.0-a"], []],
    ["^22.13.1", ["22.13.1", "22.99.0"], ["22.13.0", "23.0.0", "23.0.0-rc.1"]],
    ["^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0"]],
    ["^0.0.3", ["0.0.3"], ["0.0.4"]],
    ["^0.0", ["0.0.9"], ["0.1.0"]],
    ["~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0"]],
    ["~1", ["1.9.9"], ["2.0.0"]],
    [">1.2", ["1.3.0"], ["1.2.9"]],
    ["<=1.2", ["1.2.9"], ["1.3.0"]],
    ["1.2 - 1.4", ["1.2.0", "1.4.9"], ["1.5.0"]],
    ["1.2.3 - 2.0.0", ["2.0.0"], ["2.0.1"]],
    [">*", [], ["1.0.0"]],
  ];
  for (const [range, yes, no] of table) {
    for (const version of yes) assert.ok(inside(version, range), `${version} in ${range}`);
    for (const version of no) assert.ok(!inside(version, range), `${version} not in ${range}`);
  }
});

test("releases before a version come in the order of semver.org, clause 11", () => {
  const ascending = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"]
    .concat(["1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0", "2.0.0"])
    .map((text) => parseSemver(text)!);
  for (const [i, a] of ascending.entries())
    for (const [j, b] of ascending.entries())
      assert.equal(
        Math.sign(compareSemver(a, b)),
        Math.sign(i - j),
        `${formatSemver(a)}, ${formatSemver(b)}`,
      );
});

test("what is no version and no range is said to be none", () => {
  for (const text of ["1.2", "", "latest", "1.2.3.4", "01.2.3"])
    assert.equal(parseSemver(text), undefined, text);
  for (const text of ["<latest", "1.2.3.4 || 2", "git://x"]) assert.equal(parseRange(text), undefined, text);
});
