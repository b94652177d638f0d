import assert from "node:assert/strict";
import { test } from "node:test";
import { type Auth, conceal, credentialsFor } from "./auth.ts";

const secretsOf = (secrets: Record<string, string>) => ({ get: async (name: string) => secrets[name]! });

test("each kind forms what is sent", async () => {
  const secrets = secretsOf({ s: "pass:wörd" });
  const basic: Auth = { kind: "basic", username: "Aladdin", password: { secret: "s" } };
  assert.deepEqual((await credentialsFor(basic, secrets)).headers, {
    authorization: `Basic ${Buffer.from("Aladdin:pass:wörd").toString("base64")}`,
  });
  const token = secretsOf({ s: "tok en" });
  const header: Auth = { kind: "header", name: "X-API-Key", value: { secret: "s" } };
  assert.deepEqual((await credentialsFor(header, token)).headers, { "x-api-key": "tok en" });
  const bearer: Auth = { kind: "bearer", token: { secret: "s" } };
  assert.deepEqual((await credentialsFor(bearer, token)).headers, { authorization: "Bearer tok en" });
  const query: Auth = { kind: "query", name: "appid", value: { secret: "s" } };
  assert.deepEqual((await credentialsFor(query, token)).query, { appid: "tok en" });
  assert.deepEqual(await credentialsFor({ kind: "none" }, token), { headers: {}, query: {}, hidden: [] });
});

test("a secret that no header can carry is named, not shown", async () => {
  for (const value of ["", "s3cret\n", "s3\r\ncret", " s3cret", "s3crét"]) {
    const auth: Auth = { kind: "bearer", token: { secret: "station" } };
    await assert.rejects(credentialsFor(auth, secretsOf({ station: value })), (error: Error) => {
      assert.match(error.message, /^the secret station /);
      assert.ok(!/s3|cr/.test(error.message.replace("secret", "")));
      return true;
    });
  }
});

test("conceal hides a secret as it is, encoded and escaped", async () => {
  const auth: Auth = { kind: "basic", username: "u", password: { secret: "s" } };
  const credentials = await credentialsFor(auth, secretsOf({ s: 'a"b' }));
  const encoded = Buffer.from('u:a"b').toString("base64");
  const text = `${encoded} and a"b and ${JSON.stringify({ x: 'a"b' })}`;
  assert.equal(conceal(text, credentials), '(hidden) and (hidden) and {"x":"(hidden)"}');
  assert.equal(conceal("abc", { hidden: ["", "x"] }), "abc");
});
