import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { exchange, type HttpRequest } from "./exchange.ts";
import { startWeatherStation } from "./weather-station.ts";

const still = { everyMs: Number.POSITIVE_INFINITY };

function request(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return {
    url,
    method: "GET",
    headers: {},
    credentials: { headers: {}, query: {}, hidden: [] },
    timeoutMs: 5_000,
    maxBytes: 100_000,
    wantsBody: () => true,
    signal: new AbortController().signal,
    ...more,
  };
}

const credentials = {
  headers: { authorization: "Bearer s3cret" },
  query: { key: "s3cret" },
  hidden: ["s3cret"],
};

test("own headers, credentials and JSON bodies are sent", async () => {
  await using station = await startWeatherStation(still);
  const url = `${station.url}/v1/heater?unit=1`;
  const answer = await exchange(
    request(url, { method: "POST", headers: { "X-Site": "7" }, body: { on: true }, credentials }),
  );
  assert.deepEqual([answer.status, answer.body.toString()], [200, '{"heater":true}']);
  const [seen] = station.requests;
  assert.equal(seen?.path, "/v1/heater?unit=1&key=s3cret");
  assert.equal(seen?.headers["x-site"], "7");
  assert.equal(seen?.headers.authorization, "Bearer s3cret");
  assert.equal(seen?.headers["content-type"], "application/json");
});

test("a redirect within the origin keeps the credentials, one to another origin loses all", async () => {
  await using station = await startWeatherStation(still);
  await using other = await startWeatherStation(still);
  station.misbehave({ kind: "redirect", location: "/moved" });
  station.misbehave({ kind: "redirect", location: `${other.url}/v1/observation`, status: 307 });
  const answer = await exchange(
    request(`${station.url}/v1/observation`, {
      credentials,
      headers: { "x-api-key": "also-secret", accept: "x/y" },
    }),
  );
  assert.deepEqual([answer.status, answer.url], [200, `${other.url}/v1/observation`]);
  assert.equal(station.requests[1]?.headers.authorization, "Bearer s3cret");
  assert.equal(station.requests[1]?.headers["x-api-key"], "also-secret");
  const all = JSON.stringify(other.requests);
  assert.equal(other.count, 1);
  assert.ok(!/secret|s3cret|x\/y/.test(all), all);
});

test("credentials do not come back when the other origin sends us back", async () => {
  await using station = await startWeatherStation(still);
  await using other = await startWeatherStation(still);
  station.misbehave({ kind: "redirect", location: `${other.url}/` });
  other.misbehave({ kind: "redirect", location: `${station.url}/v1/observation` });
  await exchange(request(`${station.url}/v1/observation`, { credentials }));
  assert.deepEqual(
    station.requests.map(({ headers }) => headers.authorization),
    ["Bearer s3cret", undefined],
  );
});

test("three redirects are followed, a fourth is not", async () => {
  await using station = await startWeatherStation(still);
  const url = `${station.url}/v1/observation`;
  station.misbehave({ kind: "redirect", location: url }, 3);
  assert.equal((await exchange(request(url))).status, 200);
  station.misbehave({ kind: "redirect", location: url }, 4);
  await assert.rejects(exchange(request(url)), {
    code: "HTTP_REDIRECT",
    message: `more than 3 redirects from ${url}`,
  });
  assert.equal(station.count, 8);
});

test("validators go to the URL that gave them and to no other", async () => {
  await using station = await startWeatherStation(still);
  const url = `${station.url}/v1/observation`;
  const { headers } = await exchange(request(url));
  const validators = { url, etag: headers.get("etag")! };
  station.misbehave({ kind: "redirect", location: url });
  const answer = await exchange(request(`${station.url}/old`, { validators }));
  assert.deepEqual([answer.status, answer.conditional], [304, true]);
  assert.deepEqual(
    station.requests.map(({ headers: sent }) => sent["if-none-match"]),
    [undefined, undefined, validators.etag],
  );
});

test("the timeout covers the head, the body and redirects", async () => {
  await using station = await startWeatherStation(still);
  const url = `${station.url}/v1/observation`;
  for (const fault of [
    { kind: "hang" },
    { kind: "hanging-body" },
    { kind: "slow", delayMs: 60_000 },
  ] as const) {
    station.misbehave(fault);
    await assert.rejects(exchange(request(`${url}?key=hush`, { timeoutMs: 40 })), {
      code: "HTTP_TIMEOUT",
      message: `no whole answer from ${url} within 40 ms`,
    });
  }
  station.misbehave({ kind: "redirect", location: url });
  station.misbehave({ kind: "hang" });
  await assert.rejects(exchange(request(url, { timeoutMs: 40 })), { code: "HTTP_TIMEOUT" });
});

test("a body is cut off beyond maxBytes, with and without a length, also compressed", async () => {
  await using station = await startWeatherStation(still);
  const url = `${station.url}/v1/observation`;
  const tooLarge = { code: "HTTP_TOO_LARGE", message: `the answer of ${url} is longer than 100 bytes` };
  await assert.rejects(exchange(request(url, { maxBytes: 100 })), tooLarge);
  station.misbehave({ kind: "huge", bytes: 1e12 });
  await assert.rejects(exchange(request(url, { maxBytes: 100 })), tooLarge);

  const bomb = gzipSync(Buffer.alloc(1_000_000));
  await using server = createServer((_, response) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-length": bomb.length }).end(bomb);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  assert.ok(bomb.length < 50_000);
  await assert.rejects(exchange(request(`http://127.0.0.1:${port}/`, { maxBytes: 50_000 })), {
    code: "HTTP_TOO_LARGE",
  });
  server.closeAllConnections();
});

test("a body of just maxBytes is taken", async () => {
  await using station = await startWeatherStation(still);
  station.misbehave({ kind: "huge", bytes: 98 }, 2);
  const url = `${station.url}/`;
  assert.equal((await exchange(request(url, { maxBytes: 100 }))).body.length, 100);
  await assert.rejects(exchange(request(url, { maxBytes: 99 })), { code: "HTTP_TOO_LARGE" });
});

test("broken connections are told by the system's code, without query or headers", async () => {
  const station = await startWeatherStation(still);
  const url = `${station.url}/v1/observation`;
  const asked = () => exchange(request(`${url}?key=hush`, { credentials }));
  station.misbehave({ kind: "disconnect" });
  await assert.rejects(asked(), {
    code: "HTTP_UNREACHABLE",
    message: `no answer from ${url} (UND_ERR_SOCKET)`,
  });
  station.misbehave({ kind: "disconnect", within: "body" });
  await assert.rejects(asked(), {
    code: "HTTP_INTERRUPTED",
    message: `the answer of ${url} broke off (UND_ERR_SOCKET)`,
  });
  await station[Symbol.asyncDispose]();
  await assert.rejects(asked(), {
    code: "HTTP_UNREACHABLE",
    message: `no answer from ${url} (ECONNREFUSED)`,
  });
});

test("nothing of an exchange stays behind: no listener on the signal, no timer", async () => {
  await using station = await startWeatherStation(still);
  const { signal } = new AbortController();
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  for (let round = 0; round < 20; round += 1) await exchange(request(station.url, { signal }));
  assert.equal(getEventListeners(signal, "abort").length, 0);
  assert.ok(timers() - before < 20, `${timers() - before} timers more`);
});

test("an abort ends the exchange with its reason", async () => {
  await using station = await startWeatherStation(still);
  const stopped = new AbortController();
  station.misbehave({ kind: "hang" });
  const asked = station.nextRequest();
  const running = exchange(request(station.url, { signal: stopped.signal }));
  await asked;
  stopped.abort(new Error("enough"));
  await assert.rejects(running, { message: "enough" });
  await assert.rejects(exchange(request(station.url, { signal: stopped.signal })), { message: "enough" });
  assert.equal(station.count, 1);
});
