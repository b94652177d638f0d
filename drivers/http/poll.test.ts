import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { pollBench } from "./fixtures/poll-bench.ts";
import { startWeatherStation } from "./weather-station.ts";

const rule = { type: "number", coerce: false, scale: 1, offset: 0, required: true } as const;
const points = { temp: { ...rule, pointer: "/temperature", unit: "Cel" } };
const time = { pointer: "/observedAt", format: "rfc3339" } as const;
const still = { everyMs: Number.POSITIVE_INFINITY };
const valuesOf = (bench: ReturnType<typeof pollBench>, name = "w/temp") =>
  bench.emitted.filter((sample) => sample.name === name).map(({ value }) => value);

test("an unchanged answer is asked for with its validators, answered 304, and emits nothing", async () => {
  await using station = await startWeatherStation(still);
  const { temperature, observedAt } = station.observe({ temperature: 21.5 });
  const bench = pollBench({ url: `${station.url}/v1/observation`, points, time });
  await bench.tick();
  await bench.tick();
  assert.equal(station.requests[0]?.headers["if-none-match"], undefined);
  assert.match(station.requests[1]?.headers["if-none-match"] ?? "", /^".+"$/);
  assert.match(station.requests[1]?.headers["if-modified-since"] ?? "", /GMT$/);
  assert.deepEqual(bench.emitted, [
    { name: "w/online", value: true, lane: "alarm" },
    {
      name: "w/temp",
      value: temperature,
      unit: "Cel",
      timeMs: Date.parse(observedAt),
      lane: "telemetry",
    },
  ]);
  station.observe({ temperature: 22 });
  await bench.tick();
  assert.deepEqual(valuesOf(bench), [21.5, 22]);
});

test("an unchanged observation time emits nothing, though the answer is another one", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({ url: `${station.url}/v1/observation`, points, time });
  for (const [temperature, observedAt] of [
    [1, "2026-07-01T12:00:00Z"],
    [2, "2026-07-01T14:00:00+02:00"],
    [3, "2026-07-01T12:01:00Z"],
  ] as const) {
    station.misbehave({ kind: "document", document: { temperature, observedAt } });
    await bench.tick();
  }
  assert.deepEqual(valuesOf(bench), [1, 3]);
});

test("of a list only the elements with a new observation time are emitted", async () => {
  await using station = await startWeatherStation(still);
  const each = { pointer: "", name: "/name", points, time, limit: 10 };
  const bench = pollBench({ url: `${station.url}/v1/stations`, each });
  const early = { name: "a", temperature: 1, observedAt: "2026-07-01T12:00:00Z" };
  const other = { ...early, name: "b" };
  for (const document of [
    [early, other],
    [early, { ...other, temperature: 2, observedAt: "2026-07-01T12:01:00Z" }],
  ]) {
    station.misbehave({ kind: "document", document });
    await bench.tick();
  }
  assert.deepEqual([valuesOf(bench, "w/a/temp"), valuesOf(bench, "w/b/temp")], [[1], [1, 2]]);
});

test("with skipUnchanged off the last samples are emitted again on a 304, with their own time", async () => {
  await using station = await startWeatherStation(still);
  const { observedAt } = station.observe({ temperature: 21.5 });
  const bench = pollBench({ url: `${station.url}/v1/observation`, points, time, skipUnchanged: false });
  await bench.tick();
  await bench.tick();
  assert.ok(station.requests[1]?.headers["if-none-match"]);
  assert.deepEqual(
    bench.emitted.filter(({ name }) => name === "w/temp").map(({ value, timeMs }) => [value, timeMs]),
    Array(2).fill([21.5, Date.parse(observedAt)]),
  );
});

test("an answer whose samples were not stored is asked for again without validators", async () => {
  await using station = await startWeatherStation(still);
  station.observe({ temperature: 21.5 });
  const bench = pollBench({ url: `${station.url}/v1/observation`, points, time });
  bench.refuse = ([sample]) =>
    sample?.name === "w/temp" ? new UmecError("EMIT_OVERLOADED", "too much") : undefined;
  await assert.rejects(bench.tick(), { code: "EMIT_OVERLOADED" });
  bench.refuse = () => undefined;
  await bench.tick();
  assert.equal(station.requests[1]?.headers["if-none-match"], undefined);
  assert.deepEqual(valuesOf(bench), [21.5]);
});

test("a sample that can't be stored is left out alone", async () => {
  await using station = await startWeatherStation(still);
  station.observe({ temperature: 21.5, humidity: 50 });
  const bench = pollBench({
    url: `${station.url}/v1/observation`,
    points: { ...points, hum: { ...rule, pointer: "/humidity" } },
  });
  bench.refuse = (samples) =>
    samples.some(({ name }) => name === "w/hum") ? new UmecError("EMIT_INVALID", "no") : undefined;
  await bench.tick();
  assert.deepEqual(valuesOf(bench), [21.5]);
  assert.deepEqual(bench.lines, ["warn w/hum: no"]);
});

test("a 304 that was not asked for is no success", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({ url: `${station.url}/v1/observation`, points });
  station.misbehave({ kind: "status", status: 304 });
  await bench.tick();
  assert.deepEqual(valuesOf(bench, "w/online"), [false]);
  assert.deepEqual(bench.lines, [`warn w: ${station.url}/v1/observation answers 304`]);
});

test("online is emitted on transitions only, and again if it could not be stored", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({ url: `${station.url}/v1/observation`, points, intervalMs: 10, maxBackoffMs: 10 });
  const tick = async () => {
    bench.advance(10);
    await bench.tick();
  };
  await tick();
  await tick();
  station.misbehave({ kind: "disconnect" }, 3);
  bench.refuse = () => new UmecError("EMIT_OVERLOADED", "too much");
  await assert.rejects(tick(), { code: "EMIT_OVERLOADED" });
  bench.refuse = () => undefined;
  await tick();
  await tick();
  await tick();
  const online = bench.emitted.filter(({ name }) => name === "w/online");
  assert.deepEqual(
    online.map(({ value, lane }) => [value, lane]),
    [
      [true, "alarm"],
      [false, "alarm"],
      [true, "alarm"],
    ],
  );
});

test("each failure is told once, and a second one of another kind too", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({
    url: `${station.url}/v1/observation?key=hush`,
    points,
    intervalMs: 10,
    maxBackoffMs: 10,
  });
  const tick = async (times: number) => {
    for (let time = 0; time < times; time += 1) {
      bench.advance(10);
      await bench.tick();
    }
  };
  const url = `${station.url}/v1/observation`;
  station.misbehave({ kind: "status", status: 500 }, 3);
  station.misbehave({ kind: "status", status: 404 }, 2);
  station.misbehave({ kind: "invalid-json" }, 2);
  station.misbehave({ kind: "wrong-type", contentType: "text/html" }, 2);
  await tick(10);
  assert.deepEqual(bench.lines, [
    `warn w: ${url} answers 500`,
    `warn w: ${url} answers 404`,
    `warn w: the answer of ${url} (of 22 bytes) is no JSON from character 21 on`,
    `warn w: the answer of ${url} is "text/html", not JSON`,
    "info w: polling: well again",
  ]);
});

test("a missing field is told once, the others go on, and its return is told", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({
    url: `${station.url}/v1/observation`,
    points: { ...points, gust: { ...rule, pointer: "/wind/gust" } },
  });
  for (let round = 0; round < 3; round += 1) {
    station.observe({ temperature: round });
    await bench.tick();
  }
  station.misbehave({ kind: "document", document: { temperature: 3, wind: { gust: 12 } } });
  await bench.tick();
  assert.deepEqual(valuesOf(bench), [0, 1, 2, 3]);
  assert.deepEqual(valuesOf(bench, "w/gust"), [12]);
  assert.deepEqual(bench.lines, [
    "warn w/gust: /wind/gust is missing: /wind is an object with speed, direction",
    "info w: point gust: well again",
  ]);
});

test("a rotated secret counts at the next poll, a missing one is told, and no line shows any", async () => {
  await using station = await startWeatherStation({ ...still, token: "second-token" });
  const bench = pollBench({
    url: `${station.url}/v1/observation`,
    points: { ...points, echo: { ...rule, pointer: "/echo" } },
    auth: { kind: "bearer", token: { secret: "station" } },
    intervalMs: 10,
    maxBackoffMs: 10,
  });
  for (const token of [undefined, "first-token", "two\nlines", "second-token", "second-token"]) {
    if (token !== undefined) bench.secrets.station = token;
    if (token === "second-token" && station.count > 1)
      station.misbehave({ kind: "document", document: { temperature: 1, echo: "Bearer second-token" } });
    bench.advance(10);
    await bench.tick();
  }
  assert.deepEqual(
    station.requests.map(({ headers }) => headers.authorization),
    ["Bearer first-token", "Bearer second-token", "Bearer second-token"],
  );
  assert.deepEqual(bench.lines, [
    "warn w: no secret station",
    `warn w: ${station.url}/v1/observation answers 401: the token is missing or wrong`,
    "warn w: the secret station has characters that no header can carry",
    "info w: polling: well again",
    "warn w/echo: /echo is missing: the response is an object with observedAt, temperature, humidity, wind, rain, pressure, ...",
    'warn w/echo: /echo is the string "Bearer (hidden)", no number',
  ]);
});

test("an aborted poll rejects with the reason, and neither emits nor warns", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({ url: `${station.url}/v1/observation`, points });
  station.misbehave({ kind: "hang" });
  const asked = station.nextRequest();
  const tick = bench.tick();
  await asked;
  bench.abort();
  await assert.rejects(tick, { code: "STOPPED" });
  assert.deepEqual([bench.emitted, bench.lines], [[], []]);
});

test("an API that says why it refuses makes the points bad, and its return makes them good again", async () => {
  await using station = await startWeatherStation(still);
  station.observe({ temperature: 21.5 });
  const bench = pollBench({
    url: `${station.url}/v1/observation`,
    points,
    time,
    intervalMs: 10,
    maxBackoffMs: 10,
  });
  const tick = async (): Promise<void> => {
    bench.advance(10);
    await bench.tick();
  };
  await tick();
  station.misbehave(
    { kind: "problem", status: 503, title: "Out of order", detail: "the sensor\nis iced up" },
    3,
  );
  station.misbehave({ kind: "problem", status: 503, title: "Closed" });
  station.misbehave({ kind: "status", status: 500 });
  for (let round = 0; round < 6; round += 1) await tick();
  assert.deepEqual(
    bench.emitted
      .filter(({ name }) => name === "w/temp")
      .map(({ value, quality, reason, unit }) => [value, quality, reason, unit]),
    [
      [21.5, undefined, undefined, "Cel"],
      [null, "bad", "Out of order: the sensor is iced up", "Cel"],
      [null, "bad", "Closed", "Cel"],
      // The same observation as before, which would else be taken for known.
      [21.5, undefined, undefined, "Cel"],
    ],
  );
  assert.match(bench.lines[0]!, /answers 503: Out of order: the sensor is iced up$/);
});

test("of a list the elements that were seen become bad, too", async () => {
  await using station = await startWeatherStation(still);
  const each = { pointer: "/stations", name: "/name", points, limit: 10 };
  const bench = pollBench({ url: `${station.url}/v1/stations`, each });
  await bench.tick();
  station.misbehave({ kind: "problem", status: 500, detail: "no data" });
  await bench.tick();
  const bad = bench.emitted.filter(({ quality }) => quality === "bad");
  assert.deepEqual(
    bad.map(({ name, reason }) => [name, reason]),
    [
      ["w/north/temp", "no data"],
      ["w/south/temp", "no data"],
    ],
  );
});

test("a reason is concealed, and bad samples that were not stored are tried again", async () => {
  await using station = await startWeatherStation({ ...still, token: "s3cret" });
  const bench = pollBench({
    url: `${station.url}/v1/observation`,
    points,
    auth: { kind: "bearer", token: { secret: "t" } },
    intervalMs: 10,
    maxBackoffMs: 10,
  });
  bench.secrets.t = "s3cret";
  station.misbehave({ kind: "problem", status: 403, title: "Bearer s3cret is blocked" }, 2);
  bench.refuse = (samples) =>
    samples.some(({ quality }) => quality === "bad") ? new UmecError("EMIT_OVERLOADED", "no") : undefined;
  await assert.rejects(bench.tick(), { code: "EMIT_OVERLOADED" });
  bench.refuse = () => undefined;
  bench.advance(10);
  await bench.tick();
  assert.deepEqual(
    bench.emitted.filter(({ quality }) => quality === "bad").map(({ reason }) => reason),
    ["Bearer (hidden) is blocked"],
  );
  assert.ok(!JSON.stringify([bench.emitted, bench.lines]).includes("s3cret"));
});
