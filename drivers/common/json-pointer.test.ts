import assert from "node:assert/strict";
import { test } from "node:test";
import { readPointer } from "./json-pointer.ts";

test("the examples of RFC 6901 section 5 lead where it says", () => {
  const document = { foo: ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, " ": 7, "m~n": 8 };
  const expected = {
    "": document,
    "/foo": document.foo,
    "/foo/0": "bar",
    "/": 0,
    "/a~1b": 1,
    "/c%d": 2,
    "/ ": 7,
  };
  for (const [pointer, value] of Object.entries(expected))
    assert.equal(readPointer(document, pointer), value);
  assert.equal(readPointer(document, "/m~0n"), 8);
});

test("a pointer that leads nowhere gives undefined", () => {
  const document = { list: [1], text: "abc", none: null };
  const nowhere = [
    "/x",
    "/list/1",
    "/list/-",
    "/list/00",
    "/list/length",
    "/text/0",
    "/none/x",
    "/constructor",
  ];
  for (const pointer of nowhere) assert.equal(readPointer(document, pointer), undefined, pointer);
});
