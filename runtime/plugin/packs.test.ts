import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCbor } from "../senml/cbor.ts";
import { packBytes, packsOf, payloadAt } from "./packs.ts";

const subjects = (names: string[], lane: "alarm" | "telemetry" | "bulk" = "telemetry"): string[] =>
  packsOf(
    names.map((name) => ({ name, value: 1 })),
    lane,
  ).map(({ subject }) => subject);

test("one pack for each device, on the longest path that its names share", () => {
  assert.deepEqual(subjects(["m1/phase/a", "m2/v", "m1/phase/b"]), ["telemetry.m1.phase", "telemetry.m2.v"]);
  assert.deepEqual(subjects(["m1/ab", "m1/ac"]), ["telemetry.m1"]);
  assert.deepEqual(subjects(["m1", "m1/v"]), ["telemetry.m1"]);
  assert.deepEqual(subjects(["m1/v", "m1/v"]), ["telemetry.m1.v"]);
});

test("alarms are events, bulk is telemetry", () => {
  assert.deepEqual(subjects(["door/open"], "alarm"), ["event.door.open"]);
  assert.deepEqual(subjects(["log/line"], "bulk"), ["telemetry.log.line"]);
});

test("names are full below the plugin, and every kind of value and field is told", () => {
  const [pack] = packsOf(
    [
      { name: "m/v", value: 230.5, unit: "V" },
      { name: "m/s", value: "ok" },
      { name: "m/b", value: true },
      { name: "m/d", value: new Uint8Array([1, 2]) },
      { name: "m/u", value: 1, quality: "uncertain" },
      { name: "m/x", value: null, quality: "bad", reason: "no answer" },
      { name: "m/g", value: 2, quality: "good" },
    ],
    "telemetry",
  );
  assert.deepEqual(decodeCbor(pack!.payload), [
    { n: "m/v", u: "V", v: 230.5 },
    { n: "m/s", vs: "ok" },
    { n: "m/b", vb: true },
    { n: "m/d", vd: new Uint8Array([1, 2]) },
    { n: "m/u", v: 1, "umec:quality": "uncertain" },
    { n: "m/x", vs: "", "umec:quality": "bad", "umec:reason": "no answer" },
    { n: "m/g", v: 2 },
  ]);
});

test("samples with and without time go apart, and only the latter age", () => {
  const [now, then] = packsOf(
    [
      { name: "m/now", value: 1 },
      { name: "m/then", value: 2, timeMs: 1_700_000_000_250 },
    ],
    "telemetry",
  );
  assert.deepEqual(decodeCbor(payloadAt(now!, 1500)), [{ n: "m/now", v: 1, t: -1.5 }]);
  assert.deepEqual(decodeCbor(payloadAt(then!, 1500)), [{ n: "m/then", v: 2, t: 1_700_000_000.25 }]);
  assert.deepEqual(decodeCbor(payloadAt(now!, 20)), [{ n: "m/now", v: 1 }]);
});

test("a large pack goes in parts, in order", () => {
  const samples = Array.from({ length: 100 }, (_, i) => ({ name: `m/t${i}`, value: "x".repeat(10_000) }));
  const packs = packsOf(samples, "telemetry");
  assert.ok(packs.length >= 4);
  for (const { payload } of packs) assert.ok(payload.length <= packBytes);
  assert.deepEqual(
    packs.flatMap((pack) => pack.samples),
    samples,
  );
});
