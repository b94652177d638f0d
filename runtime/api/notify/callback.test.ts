import assert from "node:assert/strict";
import type { LookupFunction } from "node:net";
import { test } from "node:test";
import { checkCallback, guardedLookup } from "./callback.ts";

test("an application's own addresses are taken: loopback, private networks, names", () => {
  for (const uri of [
    "http://127.0.0.1:9000/a?b=c",
    "https://[::1]:9000/",
    "http://localhost/",
    "http://192.168.1.7/",
    "http://10.0.0.1/",
    "http://[fd12::1]/",
    "https://app.example.org/notifications",
  ])
    assert.equal(checkCallback(uri).href.length > 0, true, uri);
});

const refused: readonly [uri: string, reason: RegExp][] = [
  ["/callback", /no absolute URI/],
  ["", /no absolute URI/],
  ["ftp://127.0.0.1/", /neither http nor https/],
  ["unix:/run/umec/control.sock", /neither http nor https/],
  ["http+unix://%2Frun%2Fumec/", /neither http nor https/],
  ["file:///etc/shadow", /neither http nor https/],
  ["http://user:word@127.0.0.1/", /user or a password/],
  ["http://169.254.169.254/latest/meta-data/", /169\.254\.169\.254/],
  ["http://0xa9fea9fe/", /169\.254\.169\.254/],
  ["http://2852039166/", /169\.254\.169\.254/],
  ["http://[::ffff:169.254.169.254]/", /::ffff:a9fe:a9fe/],
  ["http://[fe80::1]/", /fe80::1/],
  ["http://[fd00:ec2::254]/", /fd00:ec2::254/],
  ["http://0.0.0.0/", /0\.0\.0\.0/],
  ["http://[::]/", /::/],
  ["http://224.0.0.1/", /224\.0\.0\.1/],
  ["http://255.255.255.255/", /255\.255\.255\.255/],
  ["http://metadata.google.internal/", /not for applications/],
  ["http://METADATA.google.internal./", /not for applications/],
  [`http://127.0.0.1/${"a".repeat(3_000)}`, /more than 2048 characters/],
];
for (const [uri, reason] of refused) {
  test(`${uri.slice(0, 60) || "nothing"} is refused`, () => {
    assert.throws(() => checkCallback(uri), { code: "NOTIFY_CALLBACK_REFUSED", message: reason });
  });
}

test("the node's own ports are refused on loopback, whatever it is called, and elsewhere they are not", () => {
  const policy = { refusedPorts: [4222] };
  for (const host of ["127.0.0.1", "127.9.9.9", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
    assert.throws(() => checkCallback(`http://${host}:4222/`, policy), /4222 is the node's own/, host);
  checkCallback("http://192.168.1.7:4222/", policy);
  checkCallback("http://127.0.0.1:4223/", policy);
});

test("a name that resolves to a refused address is not dialled", async () => {
  const answers: Record<string, string> = { "good.example": "127.0.0.1", "bad.example": "169.254.169.254" };
  const resolver: LookupFunction = (name, _options, callback) => callback(null, answers[name]!, 4);
  const lookup = guardedLookup(resolver);
  const resolve = (name: string) =>
    new Promise<unknown>((done) => lookup(name, {}, (error, found) => done(error ?? found)));
  assert.equal(await resolve("good.example"), "127.0.0.1");
  assert.match(String(await resolve("bad.example")), /resolves to 169\.254\.169\.254/);
});

test("of several addresses none may be refused", async () => {
  const both = [
    { address: "127.0.0.1", family: 4 },
    { address: "fe80::1", family: 6 },
  ];
  const lookup = guardedLookup((_name, _options, callback) => callback(null, both));
  const found = await new Promise<unknown>((done) =>
    lookup("both.example", { all: true }, (error) => done(error)),
  );
  assert.match(String(found), /fe80::1/);
});
