import assert from "node:assert/strict";
import { test } from "node:test";
import { type Observation, startWeatherStation } from "./weather-station.ts";
import { weatherFrom } from "./weather-values.ts";

async function observationOf(url: string): Promise<Observation> {
  const response = await fetch(`${url}/v1/observation`);
  return (await response.json()) as Observation;
}

test("the weather stays within what weather does, and the same seed repeats it", () => {
  for (const seed of [0, 1, 2, 77]) {
    const [one, same, other] = [weatherFrom(seed), weatherFrom(seed), weatherFrom(seed + 1)];
    let before: ReturnType<typeof one> | undefined;
    let others = 0;
    for (let minute = 0; minute < 3 * 1_440; minute += 1) {
      const now = one(minute * 60_000, before);
      assert.deepEqual(same(minute * 60_000, before), now);
      if (other(minute * 60_000, before).pressure !== now.pressure) others += 1;
      assert.ok(now.temperature > 5 && now.temperature < 25, `${now.temperature} Cel`);
      assert.ok(now.humidity > 40 && now.humidity <= 100, `${now.humidity} %`);
      assert.ok(now.wind.speed >= 0 && now.wind.speed <= 32);
      assert.ok(now.wind.direction >= 0 && now.wind.direction < 360, `${now.wind.direction}`);
      assert.ok(now.rain >= (before?.rain ?? 0), "rain is a sum");
      assert.ok(Math.abs(now.pressure - (before?.pressure ?? now.pressure)) <= 0.4);
      before = now;
    }
    assert.ok(others > 1_000);
  }
});

test("observations come by the clock, and only a new one changes the answer", async () => {
  let nowMs = Date.UTC(2026, 6, 1, 12);
  await using station = await startWeatherStation({ everyMs: 60_000, nowMs: () => nowMs });
  const first = await observationOf(station.url);
  assert.equal(first.observedAt, "2026-07-01T12:00:00.000Z");
  nowMs += 59_999;
  assert.deepEqual(await observationOf(station.url), first);
  nowMs += 120_001;
  assert.equal((await observationOf(station.url)).observedAt, "2026-07-01T12:03:00.000Z");
});

test("values come from a callback, and observe sets them", async () => {
  let made = 0;
  const values = () => {
    made += 1;
    return { temperature: made, humidity: 50, wind: { speed: 1, direction: 2 }, rain: 0, pressure: 1000 };
  };
  await using station = await startWeatherStation({ values, everyMs: Number.POSITIVE_INFINITY });
  assert.equal((await observationOf(station.url)).temperature, 1);
  assert.equal(station.observe().temperature, 2);
  const set = station.observe({ temperature: 99 });
  assert.deepEqual(await observationOf(station.url), set);
  assert.equal(set.temperature, 99);
});

test("a client that has the newest observation gets a 304 without a body", async () => {
  await using station = await startWeatherStation({ everyMs: Number.POSITIVE_INFINITY });
  const url = `${station.url}/v1/observation`;
  const etag = (await fetch(url)).headers.get("etag")!;
  const again = await fetch(url, { headers: { "if-none-match": `"other", ${etag}` } });
  assert.deepEqual([again.status, await again.text()], [304, ""]);
  station.observe();
  assert.equal((await fetch(url, { headers: { "if-none-match": etag } })).status, 200);
});

test("the token is asked for, and headers are remembered", async () => {
  await using station = await startWeatherStation({ token: "s3cret" });
  const url = `${station.url}/v1/observation`;
  const next = station.nextRequest();
  assert.equal((await fetch(url)).status, 401);
  assert.equal((await fetch(url, { headers: { authorization: "Bearer s3cret" } })).status, 200);
  assert.equal((await next).headers.authorization, undefined);
  assert.deepEqual(
    station.requests.map(({ path, headers }) => [path, headers.authorization]),
    [
      ["/v1/observation", undefined],
      ["/v1/observation", "Bearer s3cret"],
    ],
  );
});

test("the heater is switched, and the next observation shows it", async () => {
  await using station = await startWeatherStation({ everyMs: Number.POSITIVE_INFINITY });
  const before = await observationOf(station.url);
  const reply = await fetch(`${station.url}/v1/heater`, { method: "POST", body: '{"on":true}' });
  assert.deepEqual(await reply.json(), { heater: true });
  const after = await observationOf(station.url);
  assert.equal(after.heater, true);
  assert.notEqual(after.observedAt, before.observedAt);
});

test("faults come in the order they were asked for, and behave ends them", async () => {
  await using station = await startWeatherStation();
  station.misbehave({ kind: "status", status: 500 }, 2);
  station.misbehave({ kind: "status", status: 503 }, 9);
  const status = async () => (await fetch(`${station.url}/v1/observation`)).status;
  assert.deepEqual([await status(), await status(), await status()], [500, 500, 503]);
  station.behave();
  assert.equal(await status(), 200);
  assert.equal(station.count, 4);
});
