import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

test("the nearest word is found over slips of the finger", () => {
  const known = ["driver", "required", "limits", "options"];
  assert.equal(nearest("drvier", known), "driver");
  assert.equal(nearest("limit", known), "limits");
  assert.equal(nearest("Option_s", known), "options");
});

test("a word far from all gives nothing", () => {
  assert.equal(nearest("hub", ["driver", "limits"]), undefined);
  assert.equal(nearest("xy", ["ca"]), undefined);
  assert.equal(nearest("anything", []), undefined);
});
