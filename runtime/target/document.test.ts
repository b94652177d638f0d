import assert from "node:assert/strict";
import { test } from "node:test";
import { readDocument } from "./document.ts";

function problems(text: string): string[] {
  return readDocument(text).problems.map(
    ({ line, column, pointer, reason }) => `${line}:${column} ${pointer} ${reason}`,
  );
}

test("a key given twice is named with the line of the first one", () => {
  const text = "node: lamp\noutbox:\n  commitMs: 10\n  commitBytes: 4096\n  commitMs: 20\n";
  assert.deepEqual(problems(text), ["5:3 /outbox/commitMs the key commitMs is given twice, first in line 3"]);
  assert.deepEqual(readDocument(text).value, { node: "lamp", outbox: { commitMs: 20, commitBytes: 4096 } });
});

test("broken syntax gives its place and no value", () => {
  const text = "node: lamp\nlog: { level: info\nplugins:\n  meter: 1\n";
  const [first] = readDocument(text).problems;
  assert.equal(readDocument(text).value, undefined);
  assert.equal(first?.line, 3);
});

test("tabs as indentation get a hint", () => {
  const [problem] = readDocument("log:\n\tlevel: info\n").problems;
  assert.deepEqual([problem?.line, problem?.hint], [2, "indent with spaces"]);
});

test("an alias without an anchor and a tag of one's own are faults", () => {
  assert.deepEqual(problems("node: *name\n"), ["1:7 /node *name refers to no anchor above it"]);
  assert.match(problems("a:\n  - !lamp x\n")[0]!, /^2:5 \/a unresolved tag/);
});

test("a second document and keys that are no strings are faults", () => {
  assert.match(problems("node: a\n---\nnode: b\n")[0]!, /^2:1 /);
  assert.match(problems("? { a: 1 }\n: 2\n")[0]!, /keys must be strings/);
});

test("an alias that would multiply without end is refused", () => {
  const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]`);
  const document = readDocument(`l0: &l0 [x]\n${levels.join("\n")}\n`);
  assert.equal(document.value, undefined);
  assert.match(document.problems[0]!.reason, /alias/i);
});

test("a value that holds itself is a fault", () => {
  const document = readDocument("node: lamp\nplugins:\n  meter: &m\n    options: { self: *m }\n");
  assert.equal(document.value, undefined);
  assert.deepEqual(
    document.problems.map(({ line, column, reason }) => `${line}:${column} ${reason}`),
    ["4:22 *m refers to a value that it is part of"],
  );
});

test("scalars are found at their value, blocks and empty values at their key", () => {
  const text =
    "node: lamp\nplugins:\n  meter:\n    options:\n    list:\n      - a\n      - { port: 70000 }\n";
  const { locate } = readDocument(text);
  const at = (pointer: string, part: "key" | "value" = "value") => {
    const { line, column, value } = locate(pointer, part);
    return `${line}:${column} ${value}`;
  };
  assert.equal(at("/node"), "1:7 lamp");
  assert.equal(at("/node", "key"), "1:1 lamp");
  assert.equal(at("/plugins/meter"), "3:3 { options, list }");
  assert.equal(at("/plugins/meter/options"), "4:5 ");
  assert.equal(at("/plugins/meter/list/0"), "6:9 a");
  assert.equal(at("/plugins/meter/list/1/port"), "7:17 70000");
  assert.equal(at("/plugins/meter/list/1/host"), "7:9 ", "what is missing is where its parent is");
  assert.equal(at("/plugins/meter/nothing/deeper"), "3:3 ");
});

test("a value behind an alias is found at its anchor", () => {
  const { locate } = readDocument("base: &b\n  port: 0\ncopy: *b\n");
  assert.deepEqual(locate("/copy/port", "value"), { line: 2, column: 9, value: "0" });
});

test("passwords are never shown, long values are shortened", () => {
  const text = `password: hunter2\nhub: "nats://me:hunter2@hub"\nlong: ${"x".repeat(200)}\n`;
  const { locate } = readDocument(text);
  assert.equal(locate("/password", "value").value, "(hidden)");
  assert.equal(locate("/hub", "value").value, '"nats://(hidden)@hub"');
  assert.equal(locate("/long", "value").value.length, 60);
});
