import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { type Line, paint } from "./paint.ts";
import { type Live, liveLine, liveScreen } from "./view.ts";
import { measured, spark } from "./words.ts";

const live: Live = {
  elapsedMs: 9_400,
  totalMs: 20_000,
  plugins: [
    {
      name: "meter",
      driver: "modbus",
      state: "running",
      perS: 60,
      values: [
        { name: "power", value: 812, unit: "W", digits: 0 },
        { name: "energy", value: 18_432_118, unit: "Wh", digits: 0 },
      ],
    },
    { name: "weather", driver: "http", state: "waiting", perS: 0, values: [] },
  ],
  link: "down",
  linkMs: 1_400,
  waiting: 1_340,
  waitingHistory: [0, 0, 670, 1_340],
  stored: 21_432,
  storedPerS: 0,
  latencyMs: 21,
  act: "cut",
  nextActMs: 3_600,
};

const plain = (lines: readonly Line[]) => paint(lines, { color: false });

test("the screen says what flows, what waits and what happens next", () => {
  const text = plain(liveScreen(live)).join("\n");
  assert.match(text, /9 s of 20 s/);
  assert.match(text, /meter +modbus +60\/s +power 812 W +energy 18,432\.118 kWh/);
  assert.match(text, /weather +http +waiting/);
  assert.match(text, /link +down +for 1 s/);
  assert.match(text, /waiting +1,340 +samples on the node's disk +▄█/);
  assert.match(text, /stored +21,432 +samples at the hub, 0\/s, 21 ms after/);
  assert.match(text, /The link to the hub is cut\..* It is mended in 4 s\./);
});

test("a line of a log has the same in short", () => {
  const [line] = plain([liveLine(live)]);
  assert.match(line!, /^ {2}9 s {2}link down +60 samples\/s +waiting 1,340 +at the hub 21,432 +power 812 W$/);
});

test("without an end the screen says how to end it", () => {
  assert.match(plain(liveScreen({ ...live, totalMs: undefined }))[0]!, /Ctrl-C ends it$/);
});

test("no line is wider than the terminal, and colours take no room", () => {
  const narrow = paint(liveScreen(live), { color: true, width: 40 });
  assert.ok(narrow.some((line) => line.includes("\x1b[")));
  for (const line of narrow) assert.ok(stripVTControlCharacters(line).length <= 40, line);
  const same = paint(liveScreen(live), { color: true }).map((line) => stripVTControlCharacters(line));
  assert.deepEqual(same, plain(liveScreen(live)));
});

test("without colours there is no escape in the text", () => {
  assert.ok(!plain(liveScreen(live)).join("\n").includes("\x1b"));
});

test("values are written as people write them", () => {
  assert.equal(measured(230.44, "V", 1), "230.4 V");
  assert.equal(measured(101_250, "Pa", 0), "1,012.5 hPa");
  assert.equal(measured(19, "Cel", 1), "19.0 °C");
  assert.equal(measured(true, "", 0), "true");
});

test("bars are as high as the highest, but little stays little", () => {
  assert.equal(spark([1, 0, 50, 100], 3, 10), " ▄█");
  assert.equal(spark([4, 9], 3, 1_000), "  ");
});
