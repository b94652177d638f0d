import assert from "node:assert/strict";
import { test } from "node:test";
import { preferredType } from "./accept.ts";

const types = ["application/json", "application/senml+json", "text/event-stream"];
const preferred = (accept?: string) =>
  preferredType(new Headers(accept === undefined ? {} : { accept }), types);

test("the client's preference decides, then ours", () => {
  assert.equal(preferred(), types[0]);
  assert.equal(preferred(""), types[0]);
  assert.equal(preferred("*/*"), types[0]);
  assert.equal(preferred("text/html, application/xhtml+xml, */*;q=0.8"), types[0]);
  assert.equal(preferred("text/event-stream"), types[2]);
  assert.equal(preferred("text/*"), types[2]);
  assert.equal(preferred("application/json;q=0.5, application/senml+json"), types[1]);
  assert.equal(preferred("application/*;q=0.5, application/senml+json;q=0.4"), types[0]);
  assert.equal(preferred("application/json;q=0, */*"), types[1]);
  assert.equal(preferred("Application/JSON; charset=utf-8"), types[0]);
});

test("what can't be made is refused", () => {
  for (const accept of ["text/html", "application/json;q=0", "image/*", "json"])
    assert.throws(() => preferred(accept), { status: 406 }, accept);
});
