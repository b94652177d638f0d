import assert from "node:assert/strict";
import { test } from "node:test";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import { createKeys } from "./authorized.ts";
import driver from "./driver.ts";
import { pollBench } from "./fixtures/poll-bench.ts";
import { createTokenSource, type OAuth } from "./oauth.ts";
import { startWeatherStation, type WeatherStation } from "./weather-station.ts";

const client = { clientId: "node 7", clientSecret: "s3cret:+%" };
const still = { everyMs: Number.POSITIVE_INFINITY };
const secrets = { get: async () => client.clientSecret };
const { signal } = new AbortController();
const rule = { type: "number", coerce: false, scale: 1, offset: 0, required: true } as const;
const points = { temp: { ...rule, pointer: "/temperature" } };

const authAt = (station: WeatherStation, more: Partial<OAuth> = {}): OAuth => ({
  kind: "oauth2",
  tokenUrl: `${station.url}/oauth/token`,
  clientId: client.clientId,
  clientSecret: { secret: "station" },
  clientAuth: "basic",
  parameters: {},
  ...more,
});

test("a token is fetched once, by both ways of showing the secret, and renewed before it ends", async () => {
  for (const clientAuth of ["basic", "post"] as const) {
    let nowMs = 0;
    await using station = await startWeatherStation({ ...still, oauth: { ...client, expiresInS: 600 } });
    const source = createTokenSource(authAt(station, { clientAuth }), secrets, { monotonicMs: () => nowMs });
    const [first, same] = await Promise.all([source.get(signal), source.get(signal)]);
    assert.equal(first.text, same.text);
    assert.equal(station.authorizer.given, 1);
    // A tenth of its life, at most a minute.
    nowMs = 540_000 - 1;
    assert.equal((await source.get(signal)).text, first.text);
    nowMs = 540_000;
    assert.notEqual((await source.get(signal)).text, first.text);
    assert.equal(station.authorizer.given, 2);
  }
});

test("a token that the API refuses is replaced at once, and once only", async () => {
  await using station = await startWeatherStation({ ...still, oauth: client });
  const bench = pollBench({ url: `${station.url}/v1/observation`, points, auth: authAt(station) });
  bench.secrets.station = client.clientSecret;
  await bench.tick();
  station.authorizer.revoke();
  station.observe();
  await bench.tick();
  assert.equal(bench.emitted.filter(({ name }) => name === "w/temp").length, 2);
  assert.equal(station.authorizer.given, 2);
  assert.deepEqual(bench.lines, []);
});

test("a refusal that a new token does not mend is a failure, without a third attempt", async () => {
  await using station = await startWeatherStation({ ...still, oauth: client });
  const bench = pollBench({ url: `${station.url}/v1/observation`, points, auth: authAt(station) });
  bench.secrets.station = client.clientSecret;
  await bench.tick();
  station.misbehave({ kind: "status", status: 401 });
  // For the new token all is well.
  station.misbehave({ kind: "slow", delayMs: 0 });
  station.misbehave({ kind: "status", status: 401 });
  await bench.tick();
  assert.deepEqual(
    station.requests.map(({ path }) => path),
    ["/oauth/token", "/v1/observation", "/v1/observation", "/oauth/token", "/v1/observation"],
  );
  assert.deepEqual(bench.lines, [`warn w: ${station.url}/v1/observation answers 401`]);
});

test("requests and commands of one client share its token", async () => {
  await using station = await startWeatherStation({ ...still, oauth: client });
  const auth = authAt(station);
  const request = { url: `${station.url}/v1/observation`, intervalMs: 20, auth, points };
  const heater = { url: `${station.url}/v1/heater`, body: { on: "$value" } };
  const requests = { a: { ...request, commands: { heater } }, b: request };
  await using run = startDriver(driver, { requests }, { secrets: { station: client.clientSecret } });
  await Promise.all(["a/temp", "b/temp"].map((one) => run.samples(({ name }) => name === one)));
  assert.equal(station.authorizer.given, 1);
  station.authorizer.revoke();
  assert.deepEqual(await run.command("a/heater", true), { status: 200, body: { heater: true } });
});

test("why there is no token is told, without the secret", async () => {
  await using station = await startWeatherStation({ ...still, oauth: client });
  const keys = createKeys({
    secrets: { get: async () => "wr0ng" },
    clock: { nowMs: () => 0, monotonicMs: () => 0, known: () => true },
  });
  const refusals: [() => void, RegExp][] = [
    [() => {}, /gives no token: invalid_client: the client is not known$/],
    [() => station.misbehave({ kind: "status", status: 500 }), /gives no token: /],
    [() => station.misbehave({ kind: "invalid-json" }), /gives no token: /],
    [() => station.misbehave({ kind: "document", document: { access_token: 7 } }), /gives no token: /],
    [() => station.misbehave({ kind: "huge", bytes: 1e8 }), /is longer than 65536 bytes$/],
    [() => station.misbehave({ kind: "redirect", location: "https://evil.example/" }), /gives no token: /],
    [() => station.misbehave({ kind: "disconnect" }), /gives no token: /],
  ];
  for (const [arrange, message] of refusals) {
    arrange();
    await assert.rejects(keys.credentialsFor(authAt(station), signal), (error: Error & { code?: string }) => {
      assert.equal(error.code, "HTTP_TOKEN");
      assert.match(error.message, message);
      assert.ok(!/wr0ng/.test(error.message));
      return true;
    });
  }
});

test("who waits for a token can give it up", async () => {
  await using station = await startWeatherStation({ ...still, oauth: client });
  station.misbehave({ kind: "hang" });
  const gone = new AbortController();
  const source = createTokenSource(authAt(station), secrets, { monotonicMs: () => 0 });
  const asked = station.nextRequest();
  const waiting = source.get(gone.signal);
  await asked;
  gone.abort(new Error("stopped"));
  await assert.rejects(waiting, /stopped/);
});
