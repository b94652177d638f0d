import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { type Emitted, startDriver, type TestHostOptions } from "../../runtime/plugin/testkit.ts";
import driver from "./driver.ts";
import { webhookOptions } from "./fixtures/poll-bench.ts";
import { push, signature } from "./weather-push.ts";
import { startWeatherStation } from "./weather-station.ts";
import { mostAtOnce, startWebhooks } from "./webhook-server.ts";

const rule = { type: "number", coerce: false, scale: 1, offset: 0, required: true } as const;
const mapping = {
  points: { temp: { ...rule, pointer: "/temperature", unit: "Cel" } },
  time: { pointer: "/observedAt", format: "rfc3339" },
};
const signed = { ...mapping, auth: { kind: "hmac-sha256", key: { secret: "hook" } } };
const shown = { ...mapping, auth: { kind: "bearer", token: { secret: "hook" } } };
const open = { ...mapping, auth: { kind: "none" } };
const kept: TestHostOptions = { secrets: { hook: "s3cret" } };
const observation = { temperature: 21.5, observedAt: "2026-07-01T12:00:00Z" };

/** A driver with webhooks on a free port. */
async function listening(webhooks: object, host: TestHostOptions = kept) {
  const run = startDriver(driver, { webhooks, listen: { port: 0 } }, host);
  const { message } = await run.line(/webhooks are taken at/);
  const url = message.replace(/^.* at /, "");
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  return { run, url, [Symbol.asyncDispose]: () => run[Symbol.asyncDispose]() };
}
const temps = (emitted: readonly Emitted[]) =>
  emitted.map(({ name, value, unit, lane }) => [name, value, unit, lane]);

test("what a known sender posts becomes samples, mapped as an answer is", async () => {
  await using here = await listening({ push: signed, token: { ...shown, lane: "alarm", path: "/in/alarm" } });
  await using station = await startWeatherStation({ everyMs: Number.POSITIVE_INFINITY });
  const { temperature, observedAt } = station.observe();
  assert.equal((await station.push(`${here.url}/push`, { key: "s3cret" })).status, 204);
  assert.equal((await station.push(`${here.url}/in/alarm?x=1`, { token: "s3cret" })).status, 204);
  assert.deepEqual(temps(here.run.emitted), [
    ["push/temp", temperature, "Cel", "telemetry"],
    ["token/temp", temperature, "Cel", "alarm"],
  ]);
  assert.equal(here.run.emitted[0]?.timeMs, Date.parse(observedAt));
});

test("who is not known is refused, nothing is emitted, and that is told once", async () => {
  await using here = await listening({ push: signed, token: shown });
  const body = JSON.stringify(observation);
  const attempts: [path: string, options: Parameters<typeof push>[2]][] = [
    ["/push", {}],
    ["/push", { key: "wrong" }],
    ["/push", { token: "s3cret" }],
    ["/push", { headers: { "x-hub-signature-256": "sha256=00" } }],
    ["/push", { headers: { "x-hub-signature-256": signature("s3cret", `${body} `) } }],
    ["/token", {}],
    ["/token", { token: "s3cre" }],
    ["/token", { token: "s3cret2" }],
    ["/token", { key: "s3cret" }],
    ["/token", { headers: { authorization: "Basic s3cret" } }],
  ];
  for (const [path, options] of attempts) {
    const answer = await push(`${here.url}${path}`, observation, options);
    assert.equal(answer.status, 401, JSON.stringify([path, options]));
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    if (path === "/token") assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    assert.ok(!(await answer.text()).includes("s3cret"));
  }
  assert.deepEqual(here.run.emitted, []);
  const warned = here.run.lines.filter(({ level }) => level === "warn");
  assert.equal(warned.length, 2);
  assert.ok(!JSON.stringify(here.run.lines).includes("s3cret"));
});

test("an empty secret lets nobody in, and a missing one is the node's fault", async () => {
  await using empty = await listening({ push: signed, token: shown }, { secrets: { hook: "" } });
  assert.equal((await push(`${empty.url}/push`, observation, { key: "" })).status, 401);
  const blank = { headers: { authorization: "Bearer " } };
  assert.equal((await push(`${empty.url}/token`, observation, blank)).status, 401);
  await using missing = await listening({ token: shown }, {});
  const answer = await push(`${missing.url}/token`, observation, { token: "s3cret" });
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "30"]);
  await missing.run.line(/no secret hook/);
});

test("each way to be wrong has its status", async () => {
  await using here = await listening({ push: { ...open, maxBytes: 100 } });
  const at = `${here.url}/push`;
  const statusOf = async (answer: Promise<Response>): Promise<number> => (await answer).status;
  assert.equal(await statusOf(fetch(at)), 405);
  assert.equal((await fetch(at, { method: "PUT", body: "{}" })).headers.get("allow"), "POST");
  assert.equal(await statusOf(push(`${here.url}/other`, observation)), 404);
  assert.equal(await statusOf(push(at, "{")), 400);
  assert.equal(await statusOf(push(at, "x".repeat(101))), 413);
  assert.equal(await statusOf(push(at, observation, { headers: { "content-type": "text/plain" } })), 415);
  const unread = await push(at, { humidity: 50 });
  assert.equal(unread.status, 422);
  assert.match(((await unread.json()) as { detail: string }).detail, /temp: \/temperature is missing/);
  assert.deepEqual(here.run.emitted, []);
  assert.equal(await statusOf(push(at, observation)), 204);
});

test("a body without a length is bounded as well", async () => {
  await using here = await listening({ push: { ...open, maxBytes: 1000 } });
  const sent = httpRequest(`${here.url}/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
  });
  sent.on("error", () => {});
  const status = new Promise((resolve) => sent.once("response", ({ statusCode }) => resolve(statusCode)));
  sent.write('"');
  for (let i = 0; i < 8; i++) sent.write("x".repeat(200));
  assert.equal(await status, 413);
  sent.destroy();
});

test("204 comes only when the samples are stored; 503 when they can't be", async () => {
  const gone = new AbortController();
  const stored = Promise.withResolvers<void>();
  const outcomes = [
    stored.promise,
    Promise.reject(new UmecError("EMIT_OVERLOADED", "too much")),
    Promise.reject(new UmecError("EMIT_REFUSED", "the disk is full")),
  ];
  for (const outcome of outcomes) outcome.catch(() => {});
  const emitting = Promise.withResolvers<void>();
  const host = {
    emit: () => {
      emitting.resolve();
      return outcomes.shift()!;
    },
    log: { debug() {}, info() {}, warn() {}, error() {}, child: () => host.log },
    secrets: { get: async () => "" },
  };
  await using server = await startWebhooks(
    { push: webhookOptions(open) },
    { address: "127.0.0.1", port: 0 },
    host,
    gone.signal,
  );
  let answered = false;
  const first = push(`${server.url}/push`, observation).finally(() => {
    answered = true;
  });
  await Promise.race([emitting.promise, first]);
  // A second request overtakes the first: that one was not answered before it.
  const overloaded = await push(`${server.url}/push`, observation);
  assert.deepEqual([overloaded.status, overloaded.headers.get("retry-after"), answered], [503, "5", false]);
  const refused = await push(`${server.url}/push`, observation);
  assert.deepEqual([refused.status, refused.headers.get("retry-after"), answered], [503, "30", false]);
  stored.resolve();
  assert.equal((await first).status, 204);
});

test("no more than so many are worked on at once, and stopping answers them", async () => {
  const gone = new AbortController();
  let emitting = 0;
  const all = Promise.withResolvers<void>();
  const host = {
    emit: () => {
      emitting += 1;
      if (emitting === mostAtOnce) all.resolve();
      return new Promise<void>((_, reject) =>
        gone.signal.addEventListener("abort", () => reject(gone.signal.reason)),
      );
    },
    log: { debug() {}, info() {}, warn() {}, error() {}, child: () => host.log },
    secrets: { get: async () => "" },
  };
  const server = await startWebhooks(
    { push: webhookOptions(open) },
    { address: "127.0.0.1", port: 0 },
    host,
    gone.signal,
  );
  const under = Array.from({ length: mostAtOnce }, () => push(`${server.url}/push`, observation));
  await Promise.race([all.promise, ...under]);
  const more = await push(`${server.url}/push`, observation);
  assert.deepEqual([more.status, more.headers.get("retry-after")], [503, "1"]);
  gone.abort(new Error("stopped"));
  const closed = server[Symbol.asyncDispose]();
  assert.deepEqual(new Set((await Promise.all(under)).map(({ status }) => status)), new Set([503]));
  await closed;
});

test("stopping does not wait for who is still sending", async () => {
  const here = await listening({ push: open });
  const sent = httpRequest(`${here.url}/push`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": "100" },
  });
  const cut = new Promise((resolve) => sent.once("error", resolve));
  await new Promise<void>((resolve) => sent.write("{", () => resolve()));
  // The server has it when it has answered a later one.
  assert.equal((await push(`${here.url}/push`, observation)).status, 204);
  await here.run.stop();
  await cut;
});

test("a port that is taken is told, and the plugin ends", async () => {
  await using here = await listening({ push: open });
  const port = Number(new URL(here.url).port);
  const second = startDriver(driver, { webhooks: { push: open }, listen: { port } });
  await assert.rejects(
    second.samples(() => true),
    { code: "HTTP_LISTEN" },
  );
});

test("a list is posted as well as polled", async () => {
  await using here = await listening({
    park: { auth: { kind: "none" }, each: { name: "/id", points: mapping.points } },
  });
  const stations = [
    { id: 1, temperature: 20 },
    { id: 2, temperature: 21 },
  ];
  assert.equal((await push(`${here.url}/park`, stations)).status, 204);
  assert.deepEqual(
    here.run.emitted.map(({ name, value }) => [name, value]),
    [
      ["park/1/temp", 20],
      ["park/2/temp", 21],
    ],
  );
});
