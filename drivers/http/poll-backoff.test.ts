import assert from "node:assert/strict";
import { test } from "node:test";
import { pollBench } from "./fixtures/poll-bench.ts";
import { startWeatherStation } from "./weather-station.ts";

const rule = { type: "number", coerce: false, scale: 1, offset: 0, required: true } as const;
const points = { temp: { ...rule, pointer: "/temperature", unit: "Cel" } };
const still = { everyMs: Number.POSITIVE_INFINITY };
const valuesOf = (bench: ReturnType<typeof pollBench>, name = "w/temp") =>
  bench.emitted.filter((sample) => sample.name === name).map(({ value }) => value);

test("Retry-After in seconds keeps the request away for just as long, and the tick goes on", async () => {
  await using station = await startWeatherStation(still);
  for (const status of [503, 429]) {
    const bench = pollBench({ url: `${station.url}/v1/observation`, points, intervalMs: 1_000 });
    const before = station.count;
    station.misbehave({ kind: "status", status, retryAfter: "120" });
    await bench.tick();
    for (let second = 1; second < 119; second += 1) {
      bench.advance(1_000);
      await bench.tick();
    }
    assert.equal(station.count - before, 1);
    bench.advance(1_500);
    await bench.tick();
    assert.equal(station.count - before, 2);
    assert.equal(bench.now(), 120_000);
    assert.match(bench.lines[0] ?? "", new RegExp(`answers ${status} and asks to stay away for 120 s`));
  }
});

test("Retry-After as a date counts from the server's clock, whatever ours says", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({ url: `${station.url}/v1/observation`, points, intervalMs: 1_000 });
  bench.clockKnown = false;
  const date = "Sun, 06 Nov 1994 08:49:07 GMT";
  station.misbehave({ kind: "status", status: 503, retryAfter: "Sun, 06 Nov 1994 08:49:37 GMT", date });
  await bench.tick();
  bench.advance(28_000);
  await bench.tick();
  assert.equal(station.count, 1);
  bench.advance(1_500);
  await bench.tick();
  assert.deepEqual([station.count, bench.now()], [2, 30_000]);
});

test("failing polls become rare up to maxBackoffMs, and a success brings the interval back", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({
    url: `${station.url}/v1/observation`,
    points,
    intervalMs: 1_000,
    maxBackoffMs: 60_000,
  });
  station.misbehave({ kind: "status", status: 500 }, 10);
  const gaps: number[] = [];
  for (let from = bench.now(); station.count < 11; ) {
    const before = station.count;
    await bench.tick();
    if (station.count > before) {
      if (before > 0) gaps.push(bench.now() - from);
      from = bench.now();
    }
    bench.advance(1_000);
  }
  // The n-th delay is between half of and the whole of 2^n s; a tick may add up to one interval.
  for (const [index, gap] of gaps.entries()) {
    const wholeMs = Math.min(60_000, 1_000 * 2 ** index);
    assert.ok(gap >= wholeMs / 2 && gap <= wholeMs + 1_000, `${gap} ms before retry ${index}`);
  }
  assert.equal(gaps.length, 10);
  assert.deepEqual(valuesOf(bench, "w/online"), [false, true]);
  const count = station.count;
  await bench.tick();
  assert.equal(station.count, count + 1);

  // The next trouble starts from the smallest delay again.
  station.misbehave({ kind: "status", status: 500 });
  await bench.tick();
  bench.advance(1_000);
  await bench.tick();
  assert.equal(station.count, count + 3);
});
