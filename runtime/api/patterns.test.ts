import assert from "node:assert/strict";
import { test } from "node:test";
import { fitsPattern, mayRead, mayWrite, patternSubject, thingSubjects } from "./patterns.ts";

const fitting: readonly [string, string][] = [
  ["weather/station/temperature", "weather/station/temperature"],
  ["weather/*/temperature", "weather/station/temperature"],
  ["*/station/temperature", "weather/station/temperature"],
  ["weather/**", "weather/station/temperature"],
  ["weather/station/**", "weather/station/temperature"],
  ["weather/**", "weather/online"],
  ["**", "weather/online"],
  ["*/*", "weather/online"],
];

const other: readonly [string, string][] = [
  ["weather/station", "weather/station/temperature"],
  ["weather/station/temperature", "weather/station"],
  ["weather/**", "weather"],
  ["weather/**", "weather-2/online"],
  ["weather/*", "weather/station/temperature"],
  ["weather/stat*", "weather/station"],
  ["**/temperature", "weather/station/temperature"],
  ["", "weather/online"],
  ["weather/Online", "weather/online"],
];

for (const [pattern, path] of fitting) {
  test(`${pattern} means ${path}`, () => assert.equal(fitsPattern(pattern, path), true));
}

for (const [pattern, path] of other) {
  test(`${pattern || "the empty pattern"} does not mean ${path}`, () => {
    assert.equal(fitsPattern(pattern, path), false);
  });
}

test("reading and commanding are rights of their own", () => {
  const principal = { read: ["lamp/**"], write: ["lamp/dimmer/level"] };
  assert.equal(mayRead(principal, "lamp", "dimmer/power"), true);
  assert.equal(mayWrite(principal, "lamp", "dimmer/power"), false);
  assert.equal(mayWrite(principal, "lamp", "dimmer/level"), true);
  assert.equal(mayRead({ read: [] }, "lamp", "dimmer/power"), false);
});

test("a pattern is a subject of the bus that means the same points", () => {
  const subject = (pattern: string) => patternSubject(pattern, "lamp-0042", "telemetry");
  assert.equal(subject("weather/**"), "umec.lamp-0042.weather.telemetry.>");
  assert.equal(subject("weather/station/*"), "umec.lamp-0042.weather.telemetry.station.*");
  assert.equal(subject("*/station/**"), "umec.lamp-0042.*.telemetry.station.>");
  assert.equal(subject("**"), "umec.lamp-0042.*.telemetry.>");
  assert.equal(subject("weather"), undefined);
  assert.equal(subject("**/temperature"), undefined);
  assert.equal(subject("weather/**/temperature"), undefined);
  assert.equal(subject("weather//x"), undefined);
  assert.equal(patternSubject("lamp/level", "n", "command"), "umec.n.lamp.command.level");
});

test("on the bus an application has the points and scopes that it has over HTTP", () => {
  const app = { read: ["weather/**", "nonsense"], write: ["lamp/level"] };
  assert.deepEqual(thingSubjects("n", { ...app, scopes: ["things_read", "things_write"] }), {
    subscribe: ["umec.n.weather.telemetry.>"],
    publish: ["umec.n.lamp.command.level"],
  });
  assert.deepEqual(thingSubjects("n", { ...app, scopes: new Set(["things_read" as const]) }), {
    subscribe: ["umec.n.weather.telemetry.>"],
    publish: [],
  });
  assert.deepEqual(thingSubjects("n", { ...app, scopes: ["mec_iot"] }), { subscribe: [], publish: [] });
});
