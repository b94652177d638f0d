import assert from "node:assert/strict";
import { test } from "node:test";
import { fillDefaults } from "./defaults.ts";
import { chooseBranch } from "./union.ts";

const tcp = { type: "object", properties: { by: { const: "tcp" }, port: { type: "integer", default: 502 } } };
const serial = { type: "object", properties: { by: { const: "serial", default: "serial" }, baud: {} } };

test("a constant property tells the branch", () => {
  const choice = chooseBranch([serial, tcp], { by: "tcp", baud: 1 });
  assert.deepEqual(choice, { kind: "branch", index: 1, certain: true });
});

test("an absent constant counts as its default", () => {
  assert.deepEqual(chooseBranch([tcp, serial], {}), { kind: "branch", index: 1, certain: true });
});

test("a constant that no branch has gives the list of them", () => {
  const choice = chooseBranch([tcp, serial], { by: "air" });
  assert.deepEqual(choice, { kind: "values", property: "by", values: ["tcp", "serial"] });
});

test("without constants the branch with most of the keys is taken, but not for certain", () => {
  const a = { type: "object", properties: { x: {}, y: {} }, required: ["x"] };
  const b = { type: "object", properties: { y: {}, z: {} }, required: ["z"] };
  assert.deepEqual(chooseBranch([a, b], { y: 1, z: 2 }), { kind: "branch", index: 1, certain: false });
});

test("the type alone may tell the branch, or that there is none", () => {
  const branches = [{ type: "string" }, { type: "number" }];
  assert.deepEqual(chooseBranch(branches, 3), { kind: "branch", index: 1, certain: true });
  assert.deepEqual(chooseBranch(branches, true), { kind: "types", types: ["string", "number"] });
});

test("defaults reach the certain branch and leave the given value as it was", () => {
  const given = { link: { by: "tcp" } };
  const schema = { type: "object", properties: { link: { oneOf: [tcp, serial] } } };
  assert.deepEqual(fillDefaults(schema, given), { link: { by: "tcp", port: 502 } });
  assert.deepEqual(given, { link: { by: "tcp" } });
});

test("defaults reach parts of allOf and keys of a pattern", () => {
  const schema = {
    allOf: [{ properties: { a: { default: 1 } } }],
    patternProperties: { "^x": { properties: { b: { default: 2 } } } },
    additionalProperties: { properties: { c: { default: 3 } } },
  };
  assert.deepEqual(fillDefaults(schema, { x1: {}, other: {} }), { x1: { b: 2 }, other: { c: 3 }, a: 1 });
});
