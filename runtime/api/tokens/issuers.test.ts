import assert from "node:assert/strict";
import { test } from "node:test";
import type { JWTPayload } from "jose";
import { createScratch } from "../../test-scratch.ts";
import type { IssuerTarget } from "../types.ts";
import { startProvider, type TestProvider } from "./test-provider.ts";
import { serveTokens, type TestTokens } from "./test-tokens.ts";

const scratch = createScratch();
const hourMs = 3_600_000;

function issuerOf(provider: TestProvider): IssuerTarget {
  return {
    url: provider.url,
    audience: "lamp-0042",
    rolesClaim: "realm_access.roles",
    roles: {
      reader: { level: "viewer" },
      worker: { level: "operator" },
      boss: { level: "maintainer" },
      board: { app: "board" },
      gone: { app: "gone" },
    },
    offlineGraceMs: 24 * hourMs,
  };
}

function claimsOf(api: TestTokens, provider: TestProvider, roles: unknown = ["reader"]): JWTPayload {
  const nowS = api.clock.nowIs / 1000;
  const times = { iat: nowS, exp: nowS + 300 };
  return { iss: provider.url, aud: "lamp-0042", sub: "ann", realm_access: { roles }, ...times };
}

async function start(t: { after(done: () => Promise<void>): void }) {
  const provider = await startProvider();
  const dir = await scratch();
  const api = await serveTokens(dir, { issuers: [issuerOf(provider)] });
  t.after(async () => {
    await api.stop();
    await provider.close().catch(() => {});
  });
  return { provider, api, dir };
}

test("a provider's roles are levels of persons, or applications", async (t) => {
  const { provider, api } = await start(t);
  const host = new URL(provider.url).host;
  const ask = async (roles: unknown) =>
    api.who(await provider.sign(claimsOf(api, provider, roles)), "things_read");
  const viewer = await ask(["reader"]);
  const expiresAtMs = api.clock.nowIs + 300_000;
  const person = { kind: "user", name: `ann@${host}`, read: ["**"], expiresAtMs };
  assert.deepEqual(viewer.body, { ...person, write: [], scopes: ["things_read"] });
  const operator = await ask("reader worker");
  assert.deepEqual(operator.body, { ...person, write: ["**"], scopes: ["things_read", "things_write"] });
  assert.equal(((await ask(["boss", "reader"])).body.scopes as string[]).length, 5);
  const app = await ask(["board", "boss"]);
  assert.deepEqual([app.body.kind, app.body.name, app.body.read], ["app", "board", ["lamp/**"]]);
  for (const roles of [["gone"], ["stranger"], [], [1], null, "constructor"])
    assert.equal((await ask(roles)).status, 401, JSON.stringify(roles));
  assert.deepEqual(provider.asked, ["/.well-known/openid-configuration", "/jwks"]);
});

test("a provider's token is checked as the node's own", async (t) => {
  const { provider, api } = await start(t);
  const good = claimsOf(api, provider);
  const nowS = api.clock.nowIs / 1000;
  assert.equal((await api.who(await provider.sign(good), "things_read")).status, 200);
  const { exp: _, ...endless } = good;
  const { sub: __, ...nameless } = good;
  const wrong: Record<string, JWTPayload> = {
    "another audience": { ...good, aud: "lamp-0043" },
    over: { ...good, exp: nowS - 31 },
    "no end": endless,
    "no subject": nameless,
    "another issuer": { ...good, iss: `${provider.url}/` },
  };
  for (const [name, claims] of Object.entries(wrong))
    assert.equal((await api.who(await provider.sign(claims), "things_read")).status, 401, name);
  const token = await provider.sign(good);
  assert.equal((await api.who(token, "things_read")).status, 200);
  api.issuers[0] = { ...api.issuers[0]!, audience: "other" };
  assert.equal((await api.who(token, "things_read")).status, 401);
  api.issuers.length = 0;
  assert.equal((await api.who(token, "things_read")).status, 401);
  api.issuers.push(issuerOf(provider));
  api.clock.isKnown = false;
  const { status, body } = await api.who(token, "things_read");
  assert.equal(status, 401);
  assert.match(String(body.detail), /does not know the time yet/);
});

test("new keys are fetched when a token names one, but not for each token that does", async (t) => {
  const { provider, api } = await start(t);
  const ask = async () => (await api.who(await provider.sign(claimsOf(api, provider)), "things_read")).status;
  assert.equal(await ask(), 200);
  await provider.rotate("second");
  assert.equal(await ask(), 401);
  assert.equal(provider.asked.length, 2);
  api.clock.nowIs += 30_000;
  assert.equal(await ask(), 200);
  for (let i = 0; i < 3; i++) {
    const unknown = await provider.sign(claimsOf(api, provider), { kid: `guess ${i}` });
    assert.equal((await api.who(unknown, "things_read")).status, 401);
  }
  assert.equal(provider.asked.length, 4);
});

test("while the provider is away its keys are believed for the grace, also over a restart", async (t) => {
  const { provider, api, dir } = await start(t);
  const tokenNow = () => provider.sign(claimsOf(api, provider));
  assert.equal((await api.who(await tokenNow(), "things_read")).status, 200);
  await provider.close();
  api.clock.nowIs += hourMs;
  assert.equal((await api.who(await tokenNow(), "things_read")).status, 200);

  const { clock, issuers, apps } = api;
  const again = await serveTokens(dir, { clock, issuers, apps });
  t.after(() => again.stop());
  clock.nowIs += 23 * hourMs - 1;
  assert.equal((await again.who(await tokenNow(), "things_read")).status, 200);
  clock.nowIs += hourMs;
  const away = await again.who(await tokenNow(), "things_read");
  assert.equal(away.status, 503);
  assert.equal(away.headers.get("retry-after"), "30");
  await provider.open();
  clock.nowIs += 30_000;
  assert.equal((await again.who(await tokenNow(), "things_read")).status, 200);
});

test("a provider that is not what it should be has no keys", async (t) => {
  const { provider, api } = await start(t);
  const wrong = [
    { ...provider.metadata, issuer: "http://127.0.0.1:1" },
    { ...provider.metadata, jwks_uri: "http://elsewhere.example.org/jwks" },
    { ...provider.metadata, jwks_uri: "file:///etc/passwd" },
    { ...provider.metadata, jwks_uri: `${provider.url}/.well-known/openid-configuration` },
    { ...provider.metadata, padding: "x".repeat(300_000) },
  ];
  const token = await provider.sign(claimsOf(api, provider));
  for (const metadata of wrong) {
    provider.metadata = metadata;
    assert.equal((await api.who(token, "things_read")).status, 503);
    api.clock.nowIs += 30_000;
  }
});
