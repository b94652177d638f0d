import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate } from "./json-pointer.ts";

test("the examples of RFC 6901 section 5", () => {
  const document = JSON.parse(
    '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}',
  );
  const examples: [string, unknown][] = [
    ["", document],
    ["/foo", ["bar", "baz"]],
    ["/foo/0", "bar"],
    ["/", 0],
    ["/a~1b", 1],
    ["/c%d", 2],
    ["/e^f", 3],
    ["/g|h", 4],
    ["/i\\j", 5],
    ['/k"l', 6],
    ["/ ", 7],
    ["/m~0n", 8],
  ];
  for (const [pointer, value] of examples)
    assert.deepEqual(evaluate(document, pointer), { found: true, value }, pointer);
});

test("any path into any document leads where walking it leads", () => {
  const key = fc.oneof(fc.constantFrom("~", "/", "~0", "~1", "~01", "-", "0", "__proto__"), fc.string());
  const value = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 0 }),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(key, tie("any"), { maxKeys: 4 }),
    ),
  })).any;
  // Each number chooses a way on from what there is, so that most paths lead somewhere.
  const choices = fc.array(fc.nat({ max: 9 }), { maxLength: 6 });
  fc.assert(
    fc.property(value, choices, (generated, chosen) => {
      const document: unknown = JSON.parse(JSON.stringify(generated));
      let here = document;
      let pointer = "";
      for (const choice of chosen) {
        if (typeof here !== "object" || here === null) break;
        const entries = Object.entries(here);
        const entry = entries[choice % Math.max(1, entries.length)];
        if (!entry) break;
        pointer += `/${escapeToken(entry[0])}`;
        here = entry[1];
      }
      assert.deepEqual(evaluate(document, pointer), { found: true, value: here });
    }),
  );
});

test("any token that is not there leads to its parent and no further", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string(),
      fc.string(),
      (object, token, more) => {
        const document: Record<string, unknown> = JSON.parse(JSON.stringify({ in: object }));
        fc.pre(!Object.hasOwn(object, token));
        const pointer = `/in/${escapeToken(token)}/${escapeToken(more)}`;
        assert.deepEqual(evaluate(document, pointer), { found: false, at: "/in", last: document.in });
      },
    ),
  );
});

test("array indexes have no leading zero, no sign, and end before the length", () => {
  const list = ["a", "b"];
  for (const token of ["-", "2", "01", "+1", "-1", "1.0", "1e0", " 1", "length", ""])
    assert.deepEqual(evaluate(list, `/${token}`), { found: false, at: "", last: list }, token);
});

test("nothing inherited is found", () => {
  for (const token of ["__proto__", "constructor", "toString"]) {
    assert.equal(evaluate({}, `/${token}`).found, false);
    assert.equal(evaluate("text", `/${token}`).found, false);
  }
});

test("a text that is no pointer is refused", () => {
  for (const text of ["a", "a/b", "/~", "/~2", "#/a"])
    assert.throws(() => evaluate({}, text), SyntaxError, text);
});

function escapeToken(token: string): string {
  return [...token].map((char) => (char === "~" ? "~0" : char === "/" ? "~1" : char)).join("");
}
