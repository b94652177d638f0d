import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, Log } from "../../runtime/plugin/sdk.ts";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import driver from "./driver.ts";
import { pluginOptions, requestOptions } from "./fixtures/poll-bench.ts";
import { startWeatherStation } from "./weather-station.ts";

const still = { everyMs: Number.POSITIVE_INFINITY };
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const named = (wanted: string) => (sample: { name: string }) => sample.name === wanted;

test("polls at its interval and emits what is new", async () => {
  await using station = await startWeatherStation(still);
  await using run = startDriver(driver, {
    requests: {
      weather: {
        url: `${station.url}/v1/observation`,
        intervalMs: 20,
        points: {
          temperature: { pointer: "/temperature", unit: "Cel" },
          "wind/speed": { pointer: "/wind/speed", unit: "m/s" },
          pressure: { pointer: "/pressure", unit: "Pa", scale: 100 },
        },
        time: { pointer: "/observedAt" },
      },
    },
  });
  await run.samples(named("weather/pressure"));
  const { observedAt } = station.observe({ temperature: 21.5, pressure: 1000.5 });
  const [, temperature] = await run.samples(named("weather/temperature"), { count: 2 });
  assert.deepEqual(temperature, {
    name: "weather/temperature",
    value: 21.5,
    unit: "Cel",
    timeMs: Date.parse(observedAt),
    lane: "telemetry",
  });
  assert.equal((await run.samples(named("weather/pressure"), { count: 2 }))[1]?.value, 100_050);
  // Many polls, two observations.
  await station.nextRequest();
  await station.nextRequest();
  assert.equal(run.emitted.filter(named("weather/temperature")).length, 2);
  assert.deepEqual(run.emitted[0], { name: "weather/online", value: true, lane: "alarm" });
});

test("a list gives each element its own samples", async () => {
  await using station = await startWeatherStation(still);
  station.observe({ temperature: 20 });
  await using run = startDriver(driver, {
    requests: {
      park: {
        url: `${station.url}/v1/stations`,
        intervalMs: 20,
        each: {
          pointer: "/stations",
          points: { temp: { pointer: "/temperature", unit: "Cel" } },
          time: { pointer: "/observedAt" },
        },
      },
    },
  });
  assert.equal((await run.samples(named("park/north/temp")))[0]?.value, 20);
  assert.equal((await run.samples(named("park/south/temp")))[0]?.value, 21.5);
});

test("a dead API delays no other", async () => {
  await using station = await startWeatherStation(still);
  await using dead = await startWeatherStation(still);
  dead.misbehave({ kind: "hang" }, 1_000);
  const points = { temp: { pointer: "/temperature" } };
  await using run = startDriver(driver, {
    requests: {
      dead: { url: `${dead.url}/v1/observation`, intervalMs: 10, timeoutMs: 60_000, points },
      live: { url: `${station.url}/v1/observation`, intervalMs: 10, points },
    },
  });
  await dead.nextRequest();
  for (let round = 1; round <= 10; round += 1) {
    station.observe({ temperature: 100 + round });
    await run.samples(({ name, value }) => name === "live/temp" && value === 100 + round);
  }
  assert.equal(dead.count, 1);
  assert.ok(!run.emitted.some(({ name }) => name.startsWith("dead/")));
});

test("goes offline and comes back through every fault, and stops while one hangs", async () => {
  await using station = await startWeatherStation(still);
  await using run = startDriver(driver, {
    requests: {
      w: {
        url: `${station.url}/v1/observation`,
        intervalMs: 10,
        maxBackoffMs: 10,
        timeoutMs: 100,
        maxBytes: 10_000,
        points: { temp: { pointer: "/temperature" } },
      },
    },
  });
  const faults = [
    { kind: "hang" },
    { kind: "hanging-body" },
    { kind: "huge", bytes: 1e9 },
    { kind: "invalid-json" },
    { kind: "wrong-type", contentType: "text/html" },
    { kind: "disconnect" },
    { kind: "disconnect", within: "body" },
    { kind: "status", status: 503, retryAfter: "0" },
    { kind: "redirect", location: "ftp://127.0.0.1/" },
  ] as const;
  await run.samples(named("w/online"));
  for (const [index, fault] of faults.entries()) {
    station.misbehave(fault);
    station.observe();
    const online = await run.samples(named("w/online"), { count: 3 + 2 * index });
    assert.deepEqual(
      online.slice(-2).map(({ value }) => value),
      [false, true],
      fault.kind,
    );
  }
  station.misbehave({ kind: "hang" }, 1_000);
  await station.nextRequest();
  await run.stop();
});

test("a slow answer within the timeout is an answer, and polls do not pile up", async () => {
  await using station = await startWeatherStation(still);
  station.observe({ temperature: 5 });
  station.misbehave({ kind: "slow", delayMs: 60 });
  await using run = startDriver(driver, {
    requests: {
      w: {
        url: `${station.url}/v1/observation`,
        intervalMs: 10,
        points: { temp: { pointer: "/temperature" } },
      },
    },
  });
  await station.nextRequest();
  const [temp] = await run.samples(named("w/temp"));
  assert.equal(temp?.value, 5);
  assert.equal(station.count, 1);
  assert.deepEqual(
    run.emitted.filter(named("w/online")).map(({ value }) => value),
    [true],
  );
});

test("ends only when its last poll has let go", async () => {
  await using station = await startWeatherStation(still);
  const stopped = new AbortController();
  const [storing, stored] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const host: Host = {
    emit: () => {
      storing.resolve();
      return stored.promise;
    },
    onCommand() {},
    log: quiet,
    clock: { nowMs: () => 0, monotonicMs: () => 0, known: () => false },
    scheduler: {
      every(_intervalMs, task) {
        void task(stopped.signal);
        return () => {};
      },
      sleep: async () => {},
    },
    secrets: { get: async () => "" },
    state: { get: () => undefined, set: async () => {} },
    objects: { put: async () => {} },
    offerTime() {},
  };
  let ended = false;
  const requests = { w: requestOptions({ url: `${station.url}/v1/observation` }) };
  const run = driver.run(pluginOptions(requests), host, stopped.signal).finally(() => {
    ended = true;
  });
  await storing.promise;
  stopped.abort();
  await new Promise(setImmediate);
  assert.equal(ended, false);
  stored.resolve();
  await run;
});

test("JSON under another content type is taken when the options say so", async () => {
  await using station = await startWeatherStation(still);
  station.misbehave({ kind: "wrong-type", contentType: "text/plain" }, 1_000);
  await using run = startDriver(driver, {
    requests: {
      w: {
        url: `${station.url}/v1/observation`,
        anyContentType: true,
        points: { temp: { pointer: "/temperature" } },
      },
    },
  });
  await run.samples(named("w/temp"));
});
