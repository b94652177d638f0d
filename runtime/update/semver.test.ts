import assert from "node:assert/strict";
import { test } from "node:test";
import { compareSemver } from "./semver.ts";

test("versions are ordered as section 11 of semver 2.0.0 has it", () => {
  const ascending = [
    "0.0.9",
    "0.1.0-alpha",
    "0.1.0",
    "1.0.0-1",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
    "2.1.0",
    "9007199254740993.0.0",
    "90071992547409930.0.0",
  ];
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) {
      assert.equal(Math.sign(compareSemver(a, b)!), Math.sign(i - j), `${a} and ${b}`);
    }
  }
});

test("build metadata does not count", () => {
  assert.equal(compareSemver("1.0.0+20130313144700", "1.0.0+exp.sha.5114f85"), 0);
  assert.ok(compareSemver("1.0.0-rc.1+b1", "1.0.0")! < 0);
});

test("what is no version can't be compared", () => {
  const none = [
    "",
    "1",
    "1.2",
    "01.2.3",
    "1.2.3.4",
    "v1.2.3",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3+",
    "1.2.3-a..b",
    " 1.2.3",
  ];
  for (const text of none) assert.equal(compareSemver(text, "1.0.0"), undefined, JSON.stringify(text));
});
