import assert from "node:assert/strict";
import { test } from "node:test";
import { checkTarget } from "./check.ts";
import { formatFinding } from "./finding.ts";

const drivers = { names: () => [], load: () => Promise.reject(new Error("none")) };
const check = (text: string) => checkTarget(text, { path: "/n/node.yaml", drivers });
const sealed = `umec-sealed-1.${"A".repeat(70)}`;

test("a target has the sealed texts of its secrets, and no entry for those that are files", async () => {
  const { target } = await check(`node: a\nsecrets:\n  one: ${sealed}\n  two: file\n`);
  assert.deepEqual(target?.secrets, new Map([["one", sealed]]));
  assert.equal((await check("node: a\nsecrets: { two: file }\n")).target?.secrets, undefined);
  assert.equal((await check("node: a\n")).target?.secrets, undefined);
});

test("a secret that stands in the file itself is refused, and not shown", async () => {
  for (const wrong of ["hunter2", "'umec-sealed-1.hunter2'", "[hunter2]"]) {
    const { target, findings } = await check(`node: a\nsecrets:\n  camera: ${wrong}\n`);
    assert.equal(target, undefined);
    const text = findings.map(formatFinding).join("\n");
    assert.match(text, /node\.yaml:3:11: secrets\/camera: .*must be /);
    assert.doesNotMatch(text, /hunter2/);
  }
});
