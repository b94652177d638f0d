import assert from "node:assert/strict";
import { test } from "node:test";
import { ifMatch, isNotModified } from "./etag.ts";

function passes(header: string | undefined, etag: string | undefined): boolean {
  const headers = new Headers(header === undefined ? {} : { "if-match": header });
  try {
    ifMatch({ headers }, etag, "it");
    return true;
  } catch (error) {
    assert.equal((error as { status: number }).status, 412);
    return false;
  }
}

test("a change goes through for the version that is there alone", () => {
  assert.ok(passes(undefined, '"a"'));
  assert.ok(passes(undefined, undefined));
  assert.ok(passes('"a"', '"a"'));
  assert.ok(passes('"b", "a"', '"a"'));
  assert.ok(passes("*", '"a"'));
  assert.ok(!passes("*", undefined));
  assert.ok(!passes('"b"', '"a"'));
  assert.ok(!passes('"a"', undefined));
  // Weak tags never fit here (RFC 9110 section 8.8.3.2), and what is no tag fits nothing.
  assert.ok(!passes('W/"a"', '"a"'));
  assert.ok(!passes("a", '"a"'));
  assert.ok(!passes("", '"a"'));
});

test("what the client has is not sent again", () => {
  assert.ok(isNotModified('"a"', '"a"'));
  assert.ok(isNotModified('W/"a"', '"a"'));
  assert.ok(isNotModified('"b", W/"a"', 'W/"a"'));
  assert.ok(isNotModified("*", '"a"'));
  assert.ok(!isNotModified('"b"', '"a"'));
  assert.ok(!isNotModified(undefined, '"a"'));
});
