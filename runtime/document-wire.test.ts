import assert from "node:assert/strict";
import { test } from "node:test";
import { openDocument, signDocument } from "./document-wire.ts";
import { createKey } from "./nats/keys.ts";

const key = createKey("account");
const document = { node: "lamp-1", issuedAtMs: 1_796_043_005_000, text: "log: { level: warn }\n\n# Ü\n" };

test("a document comes back as it was, with who signed it", () => {
  const parsed = openDocument("target", signDocument("target", document, key));
  assert.deepEqual(parsed, { ...document, signer: key.getPublicKey() });
});

test("whatever is altered in it, its signature is wrong, or it is none", () => {
  const body = signDocument("target", document, key);
  for (let at = 0; at < body.length; at++) {
    const altered = Uint8Array.from(body);
    altered[at]! ^= 1;
    assert.equal(typeof openDocument("target", altered), "string", `byte ${at}`);
  }
  assert.equal(openDocument("target", body.subarray(0, -1)), "its signature is wrong");
  assert.equal(openDocument("target", Uint8Array.of(0xff)), "it is not UTF-8");
  assert.equal(openDocument("target", new Uint8Array(0)), "it is no document of the form umec-target-1");
});
