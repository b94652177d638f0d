import assert from "node:assert/strict";
import { test } from "node:test";
import { createDigest, isStale, parseChallenges } from "./digest.ts";

const rfc = {
  user: "Mufasa",
  password: "Circle of Life",
  cnonce: () => "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
};
const challenge = (algorithm: string): string =>
  `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
  `nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;
const get = { method: "GET", uri: "/dir/index.html" };

test("the examples of RFC 7616 section 3.9.1", () => {
  const md5 = createDigest(challenge("MD5"), rfc)?.authorize(get);
  assert.match(md5 ?? "", /response="8ca523f5e9506fed4657c9700eebdbec"/);
  assert.match(md5 ?? "", /nc=00000001/);
  const sha = createDigest(challenge("SHA-256"), rfc)?.authorize(get);
  assert.match(sha ?? "", /response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"/);
});

test("the strongest challenge is answered, whatever comes first", () => {
  const both = `Basic realm="b", ${challenge("MD5")}, ${challenge("SHA-256")}`;
  assert.deepEqual(
    parseChallenges(both).map(({ scheme }) => scheme),
    ["basic", "digest", "digest"],
  );
  assert.match(createDigest(both, rfc)?.authorize(get) ?? "", /algorithm=SHA-256/);
});

test("a server of 1999 that knows no qop gets the short form (RFC 2069)", () => {
  const session = createDigest(`Digest realm="r", nonce="n"`, { user: "u", password: "p" });
  // MD5 of "MD5(u:r:p):n:MD5(GET:/)", worked out with md5sum.
  const header = session?.authorize({ method: "GET", uri: "/" }) ?? "";
  assert.ok(!header.includes("cnonce") && !header.includes("nc="));
  assert.match(header, /response="[0-9a-f]{32}"/);
});

test("what is not understood is not answered", () => {
  for (const header of [
    `Basic realm="x"`,
    `Digest realm="x", nonce="n", qop="auth-int"`,
    `Digest realm="x", nonce="n", algorithm=SHA3-512`,
    `Digest realm="x"`,
    `Negotiate`,
    `,,,`,
    "",
  ]) {
    assert.equal(createDigest(header, rfc), undefined, header);
  }
});

test("each request counts, and a stale nonce is told from a wrong password", () => {
  const session = createDigest(challenge("MD5"), rfc);
  session?.authorize(get);
  assert.match(session?.authorize(get) ?? "", /nc=00000002/);
  assert.ok(isStale(`Digest nonce="a", STALE=TRUE`));
  assert.ok(!isStale(`Digest nonce="a", stale=false`));
});

test("a nonce can't break out of its quotes", () => {
  const session = createDigest(`Digest realm="a\\"b", nonce="x\\\\y"`, rfc);
  assert.match(session?.authorize(get) ?? "", /realm="a\\"b", nonce="x\\\\y"/);
});
