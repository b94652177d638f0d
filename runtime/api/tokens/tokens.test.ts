import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { createScratch } from "../../test-scratch.ts";
import { appTarget, secret, serveTokens, sha256 } from "./test-tokens.ts";

const scratch = createScratch();
const grant = { grant_type: "client_credentials" };
const dayMs = 86_400_000;

test("an application gets a token for its secret, by the form or the header, narrowed to what it asks", async (t) => {
  const api = await serveTokens(await scratch());
  t.after(() => api.stop());
  const posted = await api.ask({
    ...grant,
    client_id: "board",
    client_secret: secret,
    scope: "mec_iot things_write",
  });
  assert.equal(posted.status, 200);
  assert.equal(posted.headers.get("cache-control"), "no-store");
  const { access_token, ...rest } = (await posted.json()) as Record<string, unknown>;
  assert.deepEqual(rest, { token_type: "Bearer", expires_in: 900, scope: "mec_iot" });
  const { status, body } = await api.who(String(access_token));
  assert.equal(status, 200);
  const { name, appInstanceId, read, write } = api.apps[0]!;
  const expiresAtMs = api.clock.nowIs + 900_000;
  const who = { kind: "app", name, appInstanceId, read, write, expiresAtMs };
  assert.deepEqual(body, { ...who, scopes: ["mec_iot"] });
  assert.equal((await api.who(String(access_token), "things_read")).status, 403);

  const basic = Buffer.from(`board:${encodeURIComponent(secret).replaceAll("%20", "+")}`).toString("base64");
  const whole = await api.ask(grant, { authorization: `Basic ${basic}` });
  assert.equal(((await whole.json()) as { scope: string }).scope, "mec_iot things_read");
});

test("what is asked for wrongly is refused in OAuth's words", async (t) => {
  const api = await serveTokens(await scratch(), { apps: [appTarget("board"), appTarget("keyless")] });
  t.after(() => api.stop());
  const { secretSha256: _, ...keyless } = api.apps[1]!;
  api.apps[1] = keyless;
  const right = { ...grant, client_id: "board", client_secret: secret };
  const encoded = Buffer.from(`board:${secret}`).toString("base64");
  const cases: [Record<string, string>, Record<string, string>, number, string][] = [
    [{ ...right, client_secret: "wrong" }, {}, 401, "invalid_client"],
    [{ ...right, client_id: "nobody" }, {}, 401, "invalid_client"],
    [{ ...right, client_id: "keyless" }, {}, 401, "invalid_client"],
    [{ ...grant, client_id: "board" }, {}, 401, "invalid_client"],
    [grant, { authorization: "Basic !" }, 401, "invalid_client"],
    [right, { authorization: `Basic ${encoded}` }, 400, "invalid_request"],
    [{ client_id: "board", client_secret: secret }, {}, 400, "invalid_request"],
    [{ ...right, grant_type: "password" }, {}, 400, "unsupported_grant_type"],
    [{ ...right, scope: "mec_app_support" }, {}, 400, "invalid_scope"],
  ];
  for (const [form, headers, status, error] of cases) {
    const answer = await api.ask(form, headers);
    const body = (await answer.json()) as { error: string };
    assert.deepEqual([answer.status, body.error], [status, error], JSON.stringify(form));
    if (headers.authorization && status === 401)
      assert.equal(answer.headers.get("www-authenticate"), 'Basic realm="umec"');
  }
});

test("who guesses secrets is held up, and the tokens that are there stay good", async (t) => {
  const api = await serveTokens(await scratch(), { apps: [appTarget("board"), appTarget("other")] });
  t.after(() => api.stop());
  const token = await api.tokenOf("board");
  const guess = (client_secret: string, client_id = "board") =>
    api.ask({ ...grant, client_id, client_secret });
  for (let i = 0; i < 10; i++) assert.equal((await guess(`guess ${i}`)).status, 401);
  const held = await guess(secret);
  assert.equal(held.status, 429);
  assert.equal(held.headers.get("retry-after"), "6");
  assert.equal((await guess(secret, "other")).status, 200);
  assert.equal((await api.who(token)).status, 200);
  api.clock.nowIs += 6_000;
  assert.equal((await guess(secret)).status, 200);
});

test("others can check a token by what is published", async (t) => {
  const api = await serveTokens(await scratch());
  t.after(() => api.stop());
  const found = await fetch(`${api.url}/.well-known/oauth-authorization-server`);
  const metadata = (await found.json()) as Record<string, string>;
  assert.equal(metadata.issuer, "https://lamp-0042:8443");
  assert.equal(metadata.token_endpoint, `${api.url}/oauth2/v1/token`);
  const token = await api.tokenOf("board");
  const { protectedHeader, payload } = await jwtVerify(
    token,
    createRemoteJWKSet(new URL(metadata.jwks_uri!)),
    {
      audience: metadata.issuer!,
      issuer: metadata.issuer!,
      currentDate: new Date(api.clock.nowIs),
    },
  );
  assert.deepEqual([protectedHeader.alg, protectedHeader.typ], ["ES256", "at+jwt"]);
  assert.equal(payload.sub, "board");
  const jwks = await (await fetch(metadata.jwks_uri!)).text();
  assert.doesNotMatch(jwks, /"d":/);
});

test("a token ends: by time, with its application, with its secret, with a scope", async (t) => {
  const api = await serveTokens(await scratch());
  t.after(() => api.stop());
  const app = api.apps[0]!;
  const token = await api.tokenOf("board");
  const refusedWith = async (detail: RegExp) => {
    const { status, body, headers } = await api.who(token);
    assert.equal(status, 401);
    assert.match(String(body.detail), detail);
    assert.match(headers.get("www-authenticate") ?? "", /^Bearer realm="umec", error="invalid_token"/);
  };
  assert.equal((await api.who(token)).status, 200);
  api.apps[0] = { ...app, secretSha256: sha256("another") };
  await refusedWith(/secret of its application has changed/);
  api.apps.length = 0;
  await refusedWith(/not one of this node's/);
  api.apps.push({ ...app, scopes: ["things_read"] });
  assert.equal((await api.who(token)).status, 403);
  api.apps[0] = { ...app, read: [] };
  assert.deepEqual((await api.who(token)).body.read, []);
  api.clock.nowIs += 15 * 60_000 + 29_000;
  assert.equal((await api.who(token)).status, 200);
  api.clock.nowIs += 2_000;
  await refusedWith(/it is over/);
});

test("keys are kept over a restart, followed by new ones, and published while a token needs them", async (t) => {
  const dir = join(await scratch(), "keys");
  const first = await serveTokens(dir);
  assert.equal((await stat(join(dir, "signing-keys.json"))).mode & 0o777, 0o600);
  const token = await first.tokenOf("board");
  await first.stop();

  const { apps, clock } = first;
  const api = await serveTokens(dir, { apps, clock });
  t.after(() => api.stop());
  assert.equal((await api.who(token)).status, 200);
  const published = async () => {
    const { keys } = (await (await fetch(`${api.url}/.well-known/jwks.json`)).json()) as {
      keys: { kid: string }[];
    };
    return keys.map(({ kid }) => kid);
  };
  const { kid } = decodeProtectedHeader(token);
  clock.nowIs += 30 * dayMs - 60_000;
  const old = await api.tokenOf("board");
  assert.equal(decodeProtectedHeader(old).kid, kid);
  clock.nowIs += 60_000;
  const young = await api.tokenOf("board");
  assert.notEqual(decodeProtectedHeader(young).kid, kid);
  assert.equal((await published()).length, 2);
  assert.equal((await api.who(old)).status, 200);
  clock.nowIs += 16 * 60_000;
  assert.equal((await published()).includes(kid!), false);
});

test("damaged keys are set aside, and tokens of before are void", async (t) => {
  const dir = await scratch();
  const first = await serveTokens(dir);
  const token = await first.tokenOf("board");
  await first.stop();
  await writeFile(join(dir, "signing-keys.json"), "{");
  const api = await serveTokens(dir, { apps: first.apps, clock: first.clock });
  t.after(() => api.stop());
  assert.equal((await api.who(token)).status, 401);
  assert.equal((await api.who(await api.tokenOf("board"))).status, 200);
  assert.equal(await readFile(join(dir, "signing-keys.json.damaged"), "utf8"), "{");
});

test("a board that wakes in the past serves its applications all the same", async (t) => {
  const api = await serveTokens(await scratch());
  t.after(() => api.stop());
  const { clock } = api;
  const now = clock.nowIs;
  const ahead = await api.tokenOf("board");
  assert.equal((await api.who(ahead)).status, 200);
  Object.assign(clock, { nowIs: 1000, isKnown: false });
  // Signed in what is the future now, it would be good for decades.
  assert.equal(decodeJwt(ahead).iat, now / 1000);
  assert.equal((await api.who(ahead)).status, 401);
  const token = await api.tokenOf("board");
  assert.equal((await api.who(token)).status, 200);
  Object.assign(clock, { nowIs: now, isKnown: true });
  assert.equal((await api.who(token)).status, 401);
  assert.equal((await api.who(await api.tokenOf("board"))).status, 200);
});

test("a certificate's name is an application's, or nobody's", async (t) => {
  const api = await serveTokens(await scratch());
  t.after(() => api.stop());
  const { authenticate } = api.tokens;
  const found = await authenticate({ headers: new Headers(), certificateName: "board" });
  assert.deepEqual([found?.kind, found?.name, found?.scopes.size], ["app", "board", 2]);
  await assert.rejects(authenticate({ headers: new Headers(), certificateName: "nobody" }), { status: 401 });
  assert.equal(await authenticate({ headers: new Headers(), certificateName: undefined }), undefined);
  const headers = new Headers({ authorization: "Basic eDp5" });
  assert.equal(await authenticate({ headers, certificateName: undefined }), undefined);
});
