import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { createNmeaReader, type NmeaFrame, preferMs } from "./nmea.ts";
import { loadParse, readSentence } from "./nmea-sentence.ts";
import { epochOf, type SimulatedReceiver, sentenceOf } from "./nmea-simulator.ts";
import { judgeTime, rolloverMs } from "./nmea-time.ts";
import type { NmeaOptions } from "./options.ts";

const parse = await loadParse();

/** A reader for sentences without their checksum and line end. */
function reader(options: NmeaOptions = {}): (body: string, atMs?: number) => NmeaFrame {
  const read = createNmeaReader(parse, options);
  return (body, atMs = 0) => read({ bytes: Buffer.from(sentenceOf(body).trim()), atMs });
}

const valuesOf = ({ readings }: NmeaFrame): Record<string, unknown> =>
  Object.fromEntries(readings.map(({ name, value }) => [name, value]));
const rmc = "GPRMC,123519.25,A,4807.03800,N,01131.00000,E,022.4,084.4,230326,003.1,W,A";
const gga = "GPGGA,123519.25,4807.03800,N,01131.00000,E,1,08,0.9,545.4,M,46.9,M,,";

test("each sentence gives its points in SenML's units", () => {
  const read = reader();
  assert.deepEqual(read(rmc).readings, [
    { name: "latitude", value: 48.1173, unit: "lat" },
    { name: "longitude", value: 11.51666667, unit: "lon" },
    { name: "speed", value: 11.524, unit: "m/s" },
    { name: "course", value: 84.4, unit: "deg" },
  ]);
  assert.deepEqual(valuesOf(read(gga)), {
    latitude: 48.1173,
    longitude: 11.51666667,
    altitude: 545.4,
    satellites: 8,
    hdop: 0.9,
    fix: "gnss",
  });
  const gsa = valuesOf(read("GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1"));
  assert.deepEqual(gsa, { "fix-mode": "3D", pdop: 2.5, vdop: 2.1 });
  const vtg = valuesOf(reader()("GPVTG,054.7,T,034.4,M,005.5,N,010.2,K,A"));
  assert.deepEqual(vtg, { course: 54.7, speed: 2.833 });
  const gll = valuesOf(reader()("GLGLL,4916.45000,S,12311.12000,W,225444,A,A"));
  assert.deepEqual(gll, { latitude: -49.27416667, longitude: -123.18533333 });
});

test("satellites in view are summed over the systems, when a system's last sentence is there", () => {
  const read = reader();
  assert.deepEqual(read("GPGSV,2,1,08,01,40,083,46,02,17,308,41").readings, []);
  assert.deepEqual(valuesOf(read("GPGSV,2,2,08,12,07,344,39")), { "satellites-in-view": 8 });
  assert.deepEqual(valuesOf(read("GLGSV,1,1,03,65,40,083,46")), { "satellites-in-view": 11 });
  assert.deepEqual(valuesOf(read("GLGSV,1,1,03,65,40,083,46", 2 * preferMs)), { "satellites-in-view": 3 });
});

test("without a fix the position has no value, and its quality and reason say so", () => {
  const repeated = "GPRMC,123519,V,4807.03800,N,01131.00000,E,022.4,084.4,230326,,,N";
  for (const body of [repeated, "GPRMC,,V,,,,,,,,,,N", repeated.replace(",V,", ",A,")]) {
    const { readings, time } = reader()(body);
    assert.deepEqual(readings[0], {
      name: "latitude",
      value: null,
      unit: "lat",
      quality: "bad",
      reason: "no fix",
    });
    assert.equal(readings.length, 4);
    assert.ok(readings.every(({ value, quality }) => value === null && quality === "bad"));
    assert.equal(time, undefined);
  }
  const { readings } = reader()("GPGGA,123519,,,,,0,02,99.9,,,,,,");
  const { satellites, fix, altitude, hdop } = valuesOf({ readings });
  assert.deepEqual(
    { satellites, fix, altitude, hdop },
    { satellites: 2, fix: "none", altitude: null, hdop: undefined },
  );
  assert.deepEqual(valuesOf(reader()("GPGSA,A,1,,,,,,,,,,,,,99.9,99.9,99.9")), { "fix-mode": "none" });
});

test("a position that is estimated, set by hand or simulated is uncertain", () => {
  const modes = { E: "dead reckoning", M: "position set by hand", S: "simulation" };
  for (const [mode, reason] of Object.entries(modes)) {
    const [latitude] = reader()(rmc.replace(/A$/, mode)).readings;
    assert.deepEqual([latitude?.value, latitude?.quality, latitude?.reason], [48.1173, "uncertain", reason]);
  }
  const [latitude] = reader()(gga.replace(",1,08", ",6,08")).readings;
  assert.deepEqual([latitude?.quality, latitude?.reason], ["uncertain", "dead reckoning"]);
});

test("a value that is empty although there is a fix is left out, and none becomes zero", () => {
  const still = "GPRMC,123519,A,4807.03800,N,01131.00000,E,0.0,,230326,,,A";
  assert.deepEqual(Object.keys(valuesOf(reader()(still))), ["latitude", "longitude", "speed"]);
  assert.ok(!("altitude" in valuesOf(reader()(gga.replace("545.4,M", ",M")))));
});

test("the position is of the best sentence that comes, and of the next when that stays away", () => {
  const read = reader();
  const gll = "GPGLL,4807.03800,N,01131.00000,E,123519,A,A";
  const has = (body: string, atMs: number): boolean => "latitude" in valuesOf(read(body, atMs));
  assert.deepEqual([has(gll, 0), has(rmc, 0), has(gga, 0)], [true, true, true]);
  assert.deepEqual([has(gll, 1), has(rmc, 1), has(gga, 1)], [false, false, true]);
  assert.deepEqual(
    [has(gll, preferMs), has(rmc, preferMs + 1), has(gll, preferMs + 2)],
    [false, true, false],
  );
});

test("a malformed sentence gives an error that names the field", () => {
  const wrong: [string, RegExp][] = [
    [rmc.replace("4807.03800", "48070"), /field 3 of RMC is "48070"/],
    [rmc.replace("4807.03800", "9107.03800"), /field 3 of RMC/],
    [rmc.replace(",N,", ",,"), /fields 3 and 4 of RMC belong together/],
    [rmc.replace("123519.25", "256199"), /field 1 of RMC/],
    ["GPRMC,123519,A", /RMC has 2 fields, 9 are needed/],
    [gga.replace(",1,08", ",9,08"), /field 6 of GGA is "9"/],
    [gga.replace("545.4,M", "545.4,F"), /field 10 of GGA is "F"/],
  ];
  for (const [body, message] of wrong) {
    assert.throws(
      () => reader()(body),
      (error) => isUmecError(error, "SERIAL_FRAME") && message.test((error as Error).message),
      body,
    );
  }
});

test("the checksum must be right, and there unless it is said to be optional", () => {
  const sentence = sentenceOf(rmc).trim();
  assert.ok(readSentence(sentence, parse, "required"));
  assert.ok(readSentence(sentence.toLowerCase().replace(/.*\*/, `$${rmc}*`), parse, "required"));
  assert.throws(
    () => readSentence(sentence.replace("022.4", "022.5"), parse, "optional"),
    /the checksum should be/,
  );
  assert.throws(() => readSentence(`$${rmc}`, parse, "required"), /has no checksum/);
  assert.ok(readSentence(`$${rmc}`, parse, "optional"));
  assert.throws(() => readSentence(`${sentence}1`, parse, "required"), /is no sentence/);
});

test("sentences of other kinds are passed over", () => {
  for (const body of ["PUBX,00,1", "GPTXT,01,01,02,hello", "HCHDG,98.3,0.0,E,12.6,W"]) {
    assert.deepEqual(reader()(body), { readings: [] }, body);
  }
});

test("RMC tells the time, with its fraction and the known latency", () => {
  const unixMs = Date.UTC(2026, 2, 23, 12, 35, 19, 250);
  assert.deepEqual(reader()(rmc, 70).time, { unixMs, monotonicMs: 70 });
  assert.deepEqual(reader({ latencyMs: 80 })(rmc, 70).time, { unixMs: unixMs + 80, monotonicMs: 70 });
  assert.equal(reader()(rmc.replace("19.25", "19.125"), 0).time?.unixMs, unixMs - 125);
  assert.equal(reader()(rmc.replace(/A$/, "E")).time, undefined);
});

test("ZDA tells the time only while another sentence tells a fix", () => {
  const zda = "GPZDA,201530.00,04,07,2027,00,00";
  const read = reader();
  assert.equal(read(zda).time, undefined);
  read(gga, 1000);
  assert.equal(read(zda, 1500).time?.unixMs, Date.UTC(2027, 6, 4, 20, 15, 30));
  assert.equal(read(zda, 8000).time, undefined);
});

test("a date of a week number that rolled over is refused, or corrected where that is wanted", () => {
  const past = new Date(Date.UTC(2026, 2, 23) - rolloverMs).toISOString();
  const date = past.slice(8, 10) + past.slice(5, 7) + past.slice(2, 4);
  const rolled = rmc.replace("230326", date);
  assert.match(reader()(rolled).timeRefused!, /^2006-08-07T12:35:19.250Z is in the past: .*rolled over/);
  const corrected = reader({ weekRollover: "correct" })(rolled).time;
  assert.equal(corrected?.unixMs, Date.UTC(2026, 2, 23, 12, 35, 19, 250));
  const twice = new Date(Date.UTC(2026, 2, 23) - 2 * rolloverMs)
    .toISOString()
    .slice(0, 10)
    .split("-")
    .reverse();
  assert.deepEqual(judgeTime(twice.join(""), "000000", "correct"), { unixMs: Date.UTC(2026, 2, 23) });
});

test("what is no date is refused, the leap second is not", () => {
  assert.match(reader()(rmc.replace("230326", "300226")).timeRefused!, /300226 is no date/);
  assert.match(reader()(rmc.replace("230326", "230379")).timeRefused!, /too late to be true/);
  assert.deepEqual(judgeTime("31122026", "235960", "refuse"), { unixMs: Date.UTC(2027, 0, 1) });
});

test("what the simulated receiver sends is read as it was meant", () => {
  const receiver: SimulatedReceiver = {
    latitude: -33.8568,
    longitude: 151.2153,
    altitude: 12.5,
    speed: 4.2,
    course: 271.5,
    fix: 2,
    satellites: 9,
    hdop: 0.8,
  };
  const read = createNmeaReader(parse);
  const all = new Map<string, unknown>();
  let time: number | undefined;
  for (const sentence of epochOf(receiver, Date.UTC(2026, 5, 1, 10))
    .trim()
    .split("\r\n")) {
    const frame = read({ bytes: Buffer.from(sentence), atMs: 0 });
    for (const { name, value } of frame.readings) all.set(name, value);
    time ??= frame.time?.unixMs;
  }
  assert.equal(time, Date.UTC(2026, 5, 1, 10));
  assert.deepEqual(Object.fromEntries(all), {
    latitude: -33.8568,
    longitude: 151.2153,
    altitude: 12.5,
    speed: 4.2,
    course: 271.5,
    satellites: 9,
    "satellites-in-view": 9,
    fix: "differential",
    "fix-mode": "3D",
    pdop: 1.8,
    hdop: 0.8,
    vdop: 1.5,
  });
});
