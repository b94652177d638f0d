import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { isSignedBy, signFrame, signingKey } from "./frame-signature.ts";
import { deriveKeys } from "./identity/keys.ts";

const identity = deriveKeys(Buffer.alloc(32, 1), false);
const key = signingKey(identity.keys.sign)!;
const frame = {
  subject: "umec.n1.p1.telemetry",
  header: "store=aaaaaaaaaaaaaaaa rows=1-2 since=1 samples=2",
  payload: Buffer.from("a pack"),
};
const sign = (message: Uint8Array) => identity.sign(message);

test("a signature is Ed25519 over subject, header and digest, as is written down", () => {
  const text = signFrame(frame, sign);
  assert.match(text, /^[A-Za-z0-9_-]{86}$/);
  const digest = createHash("sha256").update(frame.payload).digest();
  const message = Buffer.concat([Buffer.from(`umec-frame-1\n${frame.subject}\n${frame.header}\n`), digest]);
  const jwk = { kty: "OKP", crv: "Ed25519", x: identity.keys.sign };
  assert.ok(
    verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), Buffer.from(text, "base64url")),
  );
  assert.equal(signFrame(frame, sign), text, "again, the same");
});

test("it holds for this frame alone, and by this key alone", () => {
  const text = signFrame(frame, sign);
  assert.ok(isSignedBy(frame, text, key));
  const others = [
    { ...frame, subject: "umec.n1.p1.telemetry.backlog" },
    { ...frame, subject: "umec.n2.p1.telemetry" },
    { ...frame, header: frame.header.replace("1-2", "3-4") },
    { ...frame, header: frame.header.replace("samples=2", "samples=3") },
    { ...frame, header: `${frame.header} clock=estimated` },
    { ...frame, payload: Buffer.from("a pick") },
    { ...frame, payload: Buffer.alloc(0) },
  ];
  for (const other of others) assert.equal(isSignedBy(other, text, key), false);
  const stranger = signingKey(deriveKeys(Buffer.alloc(32, 2), false).keys.sign)!;
  assert.equal(isSignedBy(frame, text, stranger), false);
});

test("what is no signature and what is no key is no error", () => {
  for (const text of ["", "abc", "!".repeat(86), "A".repeat(86), "A".repeat(200)])
    assert.equal(isSignedBy(frame, text, key), false);
  for (const text of ["", "abc", `${identity.keys.sign}AA`]) assert.equal(signingKey(text), undefined);
});
