import assert from "node:assert/strict";
import { test } from "node:test";
import { findJsonFault } from "./json-fault.ts";

const wholes = [
  '{"a":[1,-0.5e+3,true,null,{}],"b":"\\u00e4\\n\\/"}',
  "[]",
  ' {\r\n\t"a" : [ ] } ',
  '"x"',
  "0",
];
const faults: [text: string, offset: number, reason: RegExp][] = [
  ["", 0, /file ends here.*value/],
  ['{"a":1,}', 7, /key in double quotes/],
  ["{'a':1}", 1, /key in double quotes/],
  ['{"a" 1}', 5, /colon/],
  ['{"a":1 "b":2}', 7, /comma or }/],
  ["[1,2", 4, /file ends here.*comma or ]/],
  ['{"a":"b\nc"}', 5, /does not end on its line/],
  ['{"a":"\\x"}', 5, /\\ before/],
  ['{"a":01}', 5, /value/],
  ['{"a":yes}', 5, /value/],
  ['{"a":1}}', 7, /behind the end/],
  [`${"[".repeat(200)}${"]".repeat(200)}`, 101, /deeper than 100/],
];

test("JSON has no fault, and all else has one where it begins", () => {
  for (const text of wholes) assert.equal(findJsonFault(text), undefined, text);
  for (const [text, offset, reason] of faults) {
    const fault = findJsonFault(text);
    assert.equal(fault?.offset, offset, text);
    assert.match(fault?.reason ?? "", reason);
  }
});

test("it finds a fault exactly where JSON.parse finds one", () => {
  const text = '{ "a": [1, "b\\n", {"c": null}], "d": -1.5e3 }';
  for (let at = 0; at < text.length; at++) {
    for (const insert of ["", "x", '"', ",", "}", "0"]) {
      const changed = text.slice(0, at) + insert + text.slice(at + 1);
      let parses = true;
      try {
        JSON.parse(changed);
      } catch {
        parses = false;
      }
      assert.equal(findJsonFault(changed) === undefined, parses, changed);
    }
  }
});
