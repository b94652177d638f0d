import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import {
  base64url,
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
} from "jose";
import { createScratch } from "../../test-scratch.ts";
import { serveTokens } from "./test-tokens.ts";

const scratch = createScratch();

test("no token but the node's own gets anywhere", async (t) => {
  const api = await serveTokens(await scratch());
  t.after(() => api.stop());
  const good = await api.tokenOf("board");
  const claims = decodeJwt(good);
  const header = decodeProtectedHeader(good);
  const [head = "", body = "", signature = ""] = good.split(".");
  const { keys } = (await (await fetch(`${api.url}/.well-known/jwks.json`)).json()) as { keys: JWK[] };
  const text = (value: unknown) => base64url.encode(JSON.stringify(value));
  const { privateKey } = await generateKeyPair("ES256");
  const signed = (change: object, headerChange: object = {}) =>
    new SignJWT({ ...claims, ...change })
      .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: header.kid!, ...headerChange })
      .sign(privateKey);

  const hmac = (key: string | Buffer, alg = "HS256") => {
    const content = `${text({ ...header, alg })}.${body}`;
    return `${content}.${createHmac("sha256", key).update(content).digest("base64url")}`;
  };
  const publicKey = await importJWK({ ...keys[0]!, ext: true }, "ES256", { extractable: true });
  const forged: Record<string, string> = {
    "no algorithm": `${text({ ...header, alg: "none" })}.${body}.`,
    "no algorithm, with a signature": `${text({ ...header, alg: "None" })}.${body}.${signature}`,
    "the public key as a secret, in PEM": hmac(await exportSPKI(publicKey as CryptoKey)),
    "the public key as a secret, in JSON": hmac(JSON.stringify(keys[0])),
    "another key under the same name": await signed({}),
    "another key under another name": await signed({}, { kid: "mine" }),
    "a key of its own in the header": await signed({}, { jwk: keys[0] }),
    "a changed body": `${head}.${text({ ...claims, scope: "things_write" })}.${signature}`,
    "no signature": `${head}.${body}.`,
    "half a token": `${head}.${body}`,
    "another issuer": await signed({ iss: "https://elsewhere" }),
    nothing: "x",
    "much too much": "x".repeat(8000),
  };
  for (const [name, token] of Object.entries(forged)) {
    const { status, body: problem } = await api.who(token);
    assert.equal(status, 401, `${name}: ${JSON.stringify(problem)}`);
  }
  assert.equal((await api.who(good)).status, 200);
});

test("a token of the node that is meant for something else is none", async (t) => {
  const dir = await scratch();
  const api = await serveTokens(dir);
  t.after(() => api.stop());
  const file = JSON.parse(await readFile(`${dir}/signing-keys.json`, "utf8")) as { keys: { jwk: JWK }[] };
  const { jwk } = file.keys[0]!;
  const key = await importJWK(jwk, "ES256");
  const claims = decodeJwt(await api.tokenOf("board"));
  const sign = (change: object, typ = "at+jwt") =>
    new SignJWT({ ...claims, ...change }).setProtectedHeader({ alg: "ES256", typ, kid: jwk.kid! }).sign(key);
  assert.equal((await api.who(await sign({}))).status, 200);
  const nowS = api.clock.nowIs / 1000;
  const wrong: Record<string, string> = {
    "another audience": await sign({ aud: "https://elsewhere" }),
    "no audience": await sign({ aud: undefined }),
    "no end": await sign({ exp: undefined }),
    over: await sign({ iat: nowS - 800, exp: nowS - 31 }),
    "good for too long": await sign({ iat: nowS - 1000, exp: nowS + 1000 }),
    "from the future": await sign({ iat: nowS + 100 }),
    "not yet": await sign({ nbf: nowS + 100 }),
    "another type": await sign({}, "JWT"),
    "another's secret": await sign({ secret_mark: "x" }),
    "an application that is none": await sign({ client_id: "nobody" }),
  };
  for (const [name, token] of Object.entries(wrong)) assert.equal((await api.who(token)).status, 401, name);
});

test("a token in the URL or in a form is not taken", async (t) => {
  const api = await serveTokens(await scratch());
  t.after(() => api.stop());
  const token = await api.tokenOf("board");
  assert.equal((await fetch(`${api.url}/t/mec_iot?access_token=${token}`)).status, 401);
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await fetch(`${api.url}/t/mec_iot?access_token=${token}`, { headers })).status, 400);
});
