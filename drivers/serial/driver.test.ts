import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DriverRun,
  type Emitted,
  startDriver,
  type TestHostOptions,
} from "../../runtime/plugin/testkit.ts";
import { createDriver } from "./driver.ts";
import { createMemoryLine, type MemoryLine } from "./memory-line.ts";
import { createReceiver, epochOf, sentenceOf } from "./nmea-simulator.ts";
import type { SerialOptions } from "./options.ts";

const reconnect = { initialMs: 10, maxMs: 20 };
const thermometer: Partial<SerialOptions> = {
  framing: "delimiter",
  gapMs: 1,
  fields: { temperature: { column: 0, unit: "Cel" }, humidity: { column: 1, unit: "%RH" } },
};
const receiver = createReceiver();
const now = Date.UTC(2026, 5, 1, 10);

function start(line: MemoryLine, options: Partial<SerialOptions>, host: TestHostOptions = {}): DriverRun {
  return startDriver(
    createDriver(() => line.open),
    { path: "/dev/ttyUSB0", reconnect, ...options },
    host,
  );
}
const named =
  (name: string, value?: unknown) =>
  (sample: Emitted): boolean =>
    sample.name === name && (value === undefined || sample.value === value);

test("a line gives its values with one time, and the device is online from the first on", async () => {
  const line = createMemoryLine();
  await using run = start(line, { ...thermometer, device: "hall" });
  await line.send("\n21.5,40\n");
  const [temperature] = await run.samples(named("hall/temperature", 21.5));
  const [humidity] = await run.samples(named("hall/humidity", 40));
  assert.deepEqual([temperature?.unit, temperature?.lane], ["Cel", "telemetry"]);
  assert.ok(Math.abs(Date.now() - temperature!.timeMs!) < 5000);
  assert.equal(humidity?.timeMs, temperature?.timeMs);
  const [online] = await run.samples(named("hall/online"));
  assert.deepEqual([online?.value, online?.lane], [true, "alarm"]);
});

test("without a clock samples have no time of their own", async () => {
  const line = createMemoryLine();
  await using run = start(line, thermometer, { clockKnown: false });
  await line.send("\n21.5,40\n");
  const [temperature] = await run.samples(named("line/temperature"));
  assert.equal(temperature?.timeMs, undefined);
});

test("what can't be read is left out and counted", async () => {
  const line = createMemoryLine();
  await using run = start(line, { ...thermometer, errorsEveryMs: 100 });
  await line.send("\nfault,40\n");
  await run.samples(named("line/humidity", 40));
  const [errors] = await run.samples(named("line/errors", 1));
  assert.equal(errors?.unit, "count");
  await run.line(/1 errors on the line, the first: temperature: "fault" is no number/);
  assert.ok(!run.emitted.some(named("line/temperature")));
});

test("what can't be read is emitted as bad where that is wanted, and does not make it online", async () => {
  const line = createMemoryLine();
  await using run = start(line, { ...thermometer, onError: "emit" });
  await line.send("\nfault,-\n");
  const [sample] = await run.samples(named("line/temperature"));
  assert.deepEqual(
    [sample?.value, sample?.quality, sample?.reason, sample?.unit],
    [null, "bad", '"fault" is no number', "Cel"],
  );
  assert.ok(!run.emitted.some(named("line/online", true)));
});

test("a device that is silent is offline, and online again when it sends", async () => {
  const line = createMemoryLine();
  await using run = start(line, { ...thermometer, silentMs: 60 });
  await line.send("\n21.5,40\n");
  const [, offline] = await run.samples(named("line/online"), { count: 2 });
  assert.deepEqual([offline?.value, offline?.lane], [false, "alarm"]);
  await run.line(/nothing came for 60 ms/);
  await line.send("21.5,40\n");
  await run.samples(named("line/online"), { count: 3 });
});

test("with silentMs 0 it is online while its port is", async () => {
  const line = createMemoryLine();
  await using run = start(line, { ...thermometer, silentMs: 0 });
  await run.samples(named("line/online", true));
  line.unplug();
  await run.samples(named("line/online", false));
});

test("unplugged it is offline, is told once, and back it goes on and is set up again", async () => {
  const line = createMemoryLine();
  await using run = start(line, { ...thermometer, init: ["MODE 1\r", { hex: "41 42" }] });
  await line.heard("MODE 1\rAB");
  await line.send("\n21.5,40\n");
  await run.samples(named("line/online", true));
  line.unplug();
  await run.samples(named("line/online", false));
  const openedBefore = line.opened;
  await run.line(/can't be opened/);
  line.plug();
  await line.heard("MODE 1\rABMODE 1\rAB");
  assert.ok(line.opened > openedBefore);
  await line.send("\n22.5,40\n");
  await run.samples(named("line/temperature", 22.5));
  await run.samples(named("line/online", true), { count: 2 });
  assert.equal(
    run.lines.filter(({ level, message }) => level === "warn" && /unplugged/.test(message)).length,
    2,
  );
});

test("it is asked again and again", async () => {
  const line = createMemoryLine();
  await using _run = start(line, { ...thermometer, poll: { send: "READ?\r", everyMs: 10 } });
  await line.heard("READ?\rREAD?\rREAD?\r");
});

test("a command is written and says so; a wrong value and a line that is away are told", async () => {
  const line = createMemoryLine();
  const commands = {
    setpoint: { send: "SP $value\r", type: "number", maximum: 60 },
    reset: { send: "RST\r" },
  } as const;
  await using run = start(line, { ...thermometer, commands });
  await run.line(/is open/);
  assert.deepEqual(await run.command("line/setpoint", 21.5), { writtenBytes: 8 });
  await run.command("line/reset");
  await line.heard("SP 21.5\rRST\r");
  await assert.rejects(run.command("line/setpoint", 61), { code: "COMMAND_INVALID" });
  line.unplug();
  await run.line(/unplugged/);
  await assert.rejects(run.command("line/setpoint", 1), { code: "SERIAL_OFFLINE" });
});

test("frames that come too fast are passed over", async () => {
  const line = createMemoryLine();
  await using run = start(line, { ...thermometer, minIntervalMs: 10_000 });
  await line.send("\n1,1\n2,2\n3,3\n");
  await run.samples(named("line/temperature", 1));
  assert.equal(run.emitted.filter(named("line/temperature")).length, 1);
});

test("a receiver gives its position and offers the time", async () => {
  const line = createMemoryLine();
  await using run = start(line, { framing: "nmea", nmea: { latencyMs: 50, accuracyMs: 200 } });
  await line.send(epochOf(receiver, now));
  const [latitude] = await run.samples(named("gnss/latitude", 48.1173));
  assert.equal(latitude?.unit, "lat");
  await run.samples(named("gnss/speed", 3.5));
  await run.samples(named("gnss/fix", "gnss"));
  const [time] = run.times;
  assert.deepEqual([time?.unixMs, time?.accuracyMs], [now + 50, 200]);
  assert.ok(Math.abs(performance.now() - time!.monotonicMs) < 5000);
});

test("a receiver without a fix is online, and its position is bad; the time is not offered", async () => {
  const line = createMemoryLine();
  await using run = start(line, { framing: "nmea" });
  await line.send(epochOf({ ...receiver, fix: 0 }, now));
  const [latitude] = await run.samples(named("gnss/latitude"));
  assert.deepEqual([latitude?.value, latitude?.quality, latitude?.reason], [null, "bad", "no fix"]);
  await run.samples(named("gnss/online", true));
  assert.deepEqual(run.times, []);
});

test("the time is kept back where that is wanted, and a date that can't be is told once", async () => {
  const line = createMemoryLine();
  const rolled = epochOf(receiver, Date.UTC(2006, 9, 15));
  await using run = start(line, { framing: "nmea", errorsEveryMs: 100 });
  await line.send(rolled + rolled);
  await run.line(/the receiver's time does not count: 2006-10-15T00:00:00.000Z is in the past/);
  await run.samples(named("gnss/errors", 2));
  assert.deepEqual(run.times, []);
  const other = createMemoryLine();
  await using silent = start(other, { framing: "nmea", nmea: { time: false } });
  await other.send(epochOf(receiver, now));
  await silent.samples(named("gnss/latitude"));
  assert.deepEqual(silent.times, []);
});

test("garbage, a wrong checksum and a malformed field are counted, and the next sentence counts", async () => {
  const line = createMemoryLine();
  await using run = start(line, { framing: "nmea", errorsEveryMs: 100 });
  await line.send("$GPRMC,1*00\r\n$GPGGA\xff$GPVTG,cut");
  await line.send(sentenceOf("GPGGA,990000,,,,,0,,,,M,,M,,"));
  await line.send(epochOf(receiver, now));
  await run.samples(named("gnss/latitude", 48.1173));
  await run.samples(named("gnss/errors", 4));
});

test("fixed frames and patterns work through the driver", async () => {
  const line = createMemoryLine();
  await using run = start(line, {
    framing: "length",
    lengthBytes: 4,
    start: { hex: "AA" },
    checksum: "sum8",
    fields: { level: { at: 1, type: "u16be", scale: 0.1, unit: "%" } },
  });
  await line.send(Buffer.of(0, 0xaa, 1, 0xf4, 0x9f));
  await run.samples(named("line/level", 50));
  const other = createMemoryLine();
  await using scale = start(other, {
    framing: "regex",
    pattern: "W=(?<kg>[\\d.]+)\\r",
    fields: { weight: { group: "kg", unit: "kg" } },
  });
  await other.send("hello W=12.");
  await other.send("5\r");
  await scale.samples(named("line/weight", 12.5));
});

test("it ends at once, also while the port is away", async () => {
  const line = createMemoryLine();
  line.unplug();
  const run = start(line, { ...thermometer, reconnect: { initialMs: 60_000, maxMs: 60_000 } });
  await run.line(/can't be opened/);
  await run.stop();
});
