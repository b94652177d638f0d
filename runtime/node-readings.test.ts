import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reading } from "./api/types.ts";
import type { Clock } from "./clock.ts";
import { mostPoints, NodeReadings } from "./node-readings.ts";
import { SampleTap } from "./node-tap.ts";
import { qualityLabel, reasonLabel } from "./senml/record.ts";

const nowMs = Date.UTC(2026, 11, 1);
const clock = (known = true): Clock => ({ nowMs: () => nowMs, monotonicMs: () => 5, known: () => known });

test("a record is a reading: its value, unit, quality, and time as far as the clock is known", () => {
  const readings = new NodeReadings(clock());
  readings.take("p", [
    { n: "a/x", v: 1, u: "V" },
    { n: "a/y", vs: "", [qualityLabel]: "bad", [reasonLabel]: "no answer" },
    { n: "a/z", vb: true, t: -2 },
    { n: "a/t", v: 3, t: 1.7e9 },
  ]);
  assert.deepEqual(readings.latest("p", "a/x"), {
    ...{ plugin: "p", point: "a/x", value: 1, unit: "V", timeMs: nowMs, quality: "good" },
  });
  const bad = readings.latest("p", "a/y");
  assert.deepEqual([bad?.value, bad?.quality, bad?.reason], [null, "bad", "no answer"]);
  assert.equal(readings.latest("p", "a/z")?.timeMs, nowMs - 2000);
  assert.equal(readings.latest("p", "a/t")?.timeMs, 1.7e12);
  assert.deepEqual(readings.seen("p"), ["a/x", "a/y", "a/z", "a/t"]);

  const early = new NodeReadings(clock(false));
  early.take("p", [{ n: "a", v: 1 }]);
  assert.ok(!("timeMs" in early.latest("p", "a")!));
});

test("each listener hears its point, or all of a plugin, or all, until it ends", () => {
  const readings = new NodeReadings(clock());
  const heard: string[] = [];
  const note = (by: string) => (reading: Reading) =>
    void heard.push(`${by} ${reading.plugin}/${reading.point}`);
  const ends = [
    readings.watch("p", "a", note("point")),
    readings.watch("p", undefined, note("plugin")),
    readings.watchAll(note("all")),
  ];
  readings.take("p", [
    { n: "a", v: 1 },
    { n: "b", v: 2 },
  ]);
  readings.take("q", [{ n: "a", v: 1 }]);
  assert.deepEqual(heard, ["all p/a", "plugin p/a", "point p/a", "all p/b", "plugin p/b", "all q/a"]);
  for (const end of ends) end();
  readings.take("p", [{ n: "a", v: 1 }]);
  assert.equal(heard.length, 6);
});

test("so many points are kept and no more; those of a plugin that goes make room", () => {
  const readings = new NodeReadings(clock());
  for (let n = 0; n < mostPoints; n++) readings.take("p", [{ n: `d/${n}`, v: n }]);
  readings.take("q", [{ n: "a", v: 1 }]);
  assert.equal(readings.latest("q", "a"), undefined);
  readings.take("p", [{ n: "d/0", v: 7 }]);
  assert.equal(readings.latest("p", "d/0")?.value, 7);
  readings.forget("p");
  readings.take("q", [{ n: "a", v: 1 }]);
  assert.equal(readings.latest("q", "a")?.value, 1);
});

test("who watched before sees no more and no less, whether somebody listens or not", () => {
  const tap = new SampleTap();
  const seen: string[][] = [];
  const watch = tap.watch("p", {
    wants: (point) => point === "a",
    accepted: (records) => void seen.push(records.map(({ n }) => n)),
  });
  assert.equal(watch.wants("b"), false);
  const all: string[] = [];
  tap.listener = (plugin, records) => void all.push(...records.map(({ n }) => `${plugin}/${n}`));
  assert.equal(watch.wants("b"), true);
  watch.accepted([
    { n: "a", v: 1 },
    { n: "b", v: 1 },
  ]);
  watch.accepted([{ n: "b", v: 1 }]);
  assert.deepEqual([seen, all], [[["a"]], ["p/a", "p/b", "p/b"]]);
});
