import assert from "node:assert/strict";
import { test } from "node:test";
import { preconditions, validatorsOf } from "./conditional.ts";

const url = "https://api.example/v1";
const lastModified = "Sun, 06 Nov 1994 08:49:37 GMT";

test("validators come back as preconditions, as they were", () => {
  for (const etag of ['"a,b"', 'W/"weak"', "unquoted"]) {
    const validators = validatorsOf(url, new Headers({ etag, "last-modified": lastModified }));
    assert.deepEqual(preconditions(validators, url), {
      "if-none-match": etag,
      "if-modified-since": lastModified,
    });
  }
  const dated = validatorsOf(url, new Headers({ "last-modified": lastModified }));
  assert.deepEqual(preconditions(dated, url), { "if-modified-since": lastModified });
});

test("another URL, with another query too, gets none", () => {
  const validators = validatorsOf(url, new Headers({ etag: '"a"' }));
  assert.deepEqual(preconditions(validators, `${url}?page=2`), {});
  assert.deepEqual(preconditions(undefined, url), {});
});

test("nothing is kept without validators or under no-store", () => {
  assert.equal(validatorsOf(url, new Headers()), undefined);
  for (const control of ["no-store", "private, No-Store"])
    assert.equal(validatorsOf(url, new Headers({ etag: '"a"', "cache-control": control })), undefined);
  assert.ok(validatorsOf(url, new Headers({ etag: '"a"', "cache-control": "no-cache, max-age=0" })));
});
