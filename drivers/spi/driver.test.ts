import assert from "node:assert/strict";
import { test } from "node:test";
import { type DriverRun, startDriver } from "../../runtime/plugin/testkit.ts";
import { createDriver } from "./driver.ts";
import { createSimulatedBus, type SimulatedBus } from "./simulator.ts";

/** Fast enough for a test, and slow enough for a busy machine. */
const quick = { quarantine: { initialMs: 40, maxMs: 160 } };
const everyMs = 20;
const named =
  (name: string, value?: unknown) =>
  (sample: { name: string; value: unknown }): boolean =>
    sample.name === name && (value === undefined || sample.value === value);

function start({ openPort }: SimulatedBus, devices: object, more: object = {}): DriverRun {
  return startDriver(createDriver({ openPort }), { bus: 0, ...quick, ...more, devices });
}

/** A MAX31855 at so many whole degrees. */
const degrees = (celsius: number) => () => {
  const frame = Buffer.from([0, 0, 0x19, 0x00]);
  frame.writeInt16BE(celsius * 16);
  return frame;
};
const oven = { type: "max31855", chipSelect: 0, everyMs };
const tank = { type: "mcp3008", chipSelect: 1, everyMs, channels: { level: { input: "0" } } };
const half = () => [0, 0x02, 0x00];

test("each device is sampled with its interval and settings, and one transfer is on the bus at a time", async () => {
  const bus = createSimulatedBus();
  bus.attach(0, degrees(100));
  bus.attach(1, half);
  bus.script(() => new Promise((resolve) => setImmediate(resolve, undefined)));
  const slow = { ...tank, everyMs: 60_000, mode: 3, speedHz: 200_000, delayUs: 7 };
  await using run = start(bus, { oven, tank: slow });
  const [first] = await run.samples(named("oven/temperature", 100), { count: 3 });
  assert.deepEqual([first?.unit, first?.lane], ["Cel", "telemetry"]);
  const [level] = await run.samples(named("tank/level"));
  assert.deepEqual([level?.value, level?.unit], [1.65, "V"]);
  assert.equal(run.emitted.filter(named("tank/level")).length, 1);
  bus.attach(0, degrees(-20));
  await run.samples(named("oven/temperature", -20));
  assert.equal(bus.mostAtOnce, 1);
  const plain = { mode: 0, bitsPerWord: 8, lsbFirst: false, chipSelectHigh: false, delayUs: 0 };
  assert.deepEqual(bus.opened, [
    { ...plain, chipSelect: 0, speedHz: 5_000_000 },
    { ...plain, chipSelect: 1, speedHz: 200_000, mode: 3, delayUs: 7 },
  ]);
});

test("each transfer of a sample takes its own turn: nobody has the bus for a whole sample", async () => {
  const bus = createSimulatedBus();
  const channels = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`c${i}`, { input: String(i) }]));
  const devices: Record<string, object> = {};
  for (const chipSelect of [0, 1, 2]) {
    bus.attach(chipSelect, half);
    devices[`adc${chipSelect}`] = { ...tank, everyMs: 60_000, chipSelect, channels };
  }
  // So long has a transfer the bus.
  bus.script(() => new Promise((resolve) => setTimeout(resolve, 5, undefined)));
  await using run = start(bus, devices);
  for (const name of Object.keys(devices)) await run.samples(named(`${name}/c7`));
  const order = bus.transfers.map(({ chipSelect }) => chipSelect);
  assert.equal(order.length, 24);
  assert.ok(order.indexOf(2) < order.lastIndexOf(0), order.join(" "));
});

test("a device whose file goes is told once, the others go on, and it comes back by itself", async () => {
  const bus = createSimulatedBus();
  bus.attach(0, degrees(100));
  bus.attach(1, half);
  await using run = start(bus, { oven, tank });
  await run.samples(named("oven/temperature"));
  bus.detach(0);
  const [gone] = await run.samples(named("oven/online", false));
  assert.equal(gone?.lane, "alarm");
  await assert.rejects(run.samples(named("oven/temperature", 1), { timeoutMs: 100 }), /no/);
  const before = run.emitted.filter(named("tank/level")).length;
  await run.samples(named("tank/level"), { count: before + 3 });
  bus.attach(0, degrees(99));
  await run.samples(named("oven/temperature", 99));
  const online = run.emitted.filter(named("oven/online")).map(({ value }) => value);
  assert.deepEqual(online, [true, false, true]);
  const warnings = run.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /^oven \(max31855 at \/dev\/spidev0\.0\) is offline: \/dev\/spidev0\.0 can't be opened/,
  );
});

test("a broken thermocouple is a bad value, not a device that is gone", async () => {
  const bus = createSimulatedBus();
  bus.attach(0, () => [0x01, 0x91, 0x19, 0x01]);
  await using run = start(bus, { oven });
  const [bad] = await run.samples(named("oven/temperature"));
  assert.deepEqual([bad?.value, bad?.quality, bad?.reason], [null, "bad", "the thermocouple is open"]);
  await run.samples(named("oven/cold-junction", 25));
  assert.deepEqual(
    run.emitted.filter(named("oven/online")).map(({ value }) => value),
    [true],
  );
});

test("a transfer that hangs has all devices offline, and all come back when it ends", async () => {
  const bus = createSimulatedBus();
  bus.attach(0, degrees(100));
  bus.attach(1, half);
  await using run = start(bus, { oven, tank }, { timeoutMs: 50 });
  await run.samples(named("oven/temperature"));
  await run.samples(named("tank/level"));
  const hanging = Promise.withResolvers<undefined>();
  bus.script(() => hanging.promise);
  await run.samples(named("oven/online", false));
  await run.samples(named("tank/online", false));
  const sent = bus.transfers.length;
  bus.script(undefined);
  assert.equal(bus.transfers.length, sent, "nothing is sent while the controller hangs");
  hanging.resolve(undefined);
  await run.samples(named("oven/online", true), { count: 2 });
  await run.samples(named("tank/online", true), { count: 2 });
});

test("a controller that can't do the settings is told with them, and leaves nothing open", async () => {
  const bus = createSimulatedBus();
  bus.attach(0, () => [0]);
  bus.accepts(({ lsbFirst }) => !lsbFirst);
  const odd = { type: "generic", chipSelect: 0, everyMs, lsbFirst: true, transfers: [{ send: "00" }] };
  await using run = start(bus, { odd });
  const { message } = await run.line(/is offline/);
  assert.match(message, /can't do mode 0, 8 bits per word, least significant bit first \(EINVAL\)/);
  assert.equal(bus.open, 0);
});

test("a command goes ahead of the samples that wait, and one for a device that is gone is refused", async () => {
  const bus = createSimulatedBus();
  bus.attach(2, () => [0]);
  const dac = {
    type: "generic",
    chipSelect: 2,
    everyMs,
    transfers: [{ send: "00", values: { status: { at: 0 } } }],
    commands: { level: { send: "30 {value}", type: "uint16", max: 4095, min: 0 } },
  };
  await using run = start(bus, { dac });
  await run.samples(named("dac/status", 0));
  assert.deepEqual(await run.command("dac/level", 2048), { value: 2048 });
  assert.ok(bus.transfers.some(({ sent }) => Buffer.from(sent).toString("hex") === "300800"));
  await assert.rejects(run.command("dac/level", 5000), { code: "COMMAND_INVALID" });
  bus.detach(2);
  await run.samples(named("dac/online", false));
  await assert.rejects(run.command("dac/level", 1), { code: "SPI_OFFLINE" });
});

test("after the end nothing is open", async () => {
  const bus = createSimulatedBus();
  bus.attach(0, degrees(100));
  const run = start(bus, { oven });
  await run.samples(named("oven/temperature"));
  assert.equal(bus.open, 1);
  await run.stop();
  assert.equal(bus.open, 0);
});

test("points have units, and commands a schema", () => {
  const { points, needs } = createDriver(createSimulatedBus()).manifest;
  const dac = {
    type: "generic" as const,
    chipSelect: 2,
    transfers: [{ send: "00" }],
    commands: { level: { send: "{value}", min: 0, max: 9 }, reset: { send: "ff" } },
  };
  assert.deepEqual(points({ bus: 0, devices: { dac } }), [
    { name: "dac/online", summary: "Whether the device answers" },
    { name: "dac/level", access: "write", schema: { type: "number", minimum: 0, maximum: 9 } },
    { name: "dac/reset", access: "write" },
  ]);
  assert.deepEqual(needs({ bus: 3, devices: { dac } }), { devices: ["/dev/spidev3.2"] });
});
