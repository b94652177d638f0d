import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { type DriverRun, startDriver } from "../../runtime/plugin/testkit.ts";
import { createDriver } from "./driver.ts";
import { createSimulatedBus, type RegisterChip, registerChip, type SimulatedBus } from "./simulator.ts";

/** Fast enough for a test, and slow enough for a busy machine. */
const quick = { quarantine: { initialMs: 40, maxMs: 160 } };
const thermometer = (): RegisterChip => registerChip({ 0: [0x19, 0x00], 1: [0x60] });
const everyMs = 20;

function start(bus: SimulatedBus, devices: object, more: object = {}): DriverRun {
  return startDriver(
    createDriver(async () => bus),
    { bus: 1, ...quick, ...more, devices },
  );
}
const named =
  (name: string, value?: unknown) =>
  (sample: { name: string; value: unknown }): boolean =>
    sample.name === name && (value === undefined || sample.value === value);

test("a device is sampled again and again, also when nothing changes, and a change shows", async () => {
  const bus = createSimulatedBus();
  const chip = thermometer();
  bus.attach(0x48, chip);
  await using run = start(bus, { hall: { type: "tmp105", address: 0x48, everyMs } });
  const [first, , third] = await run.samples(named("hall/temperature", 25), { count: 3 });
  assert.deepEqual([first?.unit, first?.lane], ["Cel", "telemetry"]);
  assert.ok(third!.timeMs! - first!.timeMs! >= everyMs, "the time of each sample is its own");
  chip.registers.set(0, [0xe7, 0x00]);
  await run.samples(named("hall/temperature", -25));
  const online = run.emitted.filter(named("hall/online"));
  assert.deepEqual(
    online.map(({ value, lane }) => ({ value, lane })),
    [{ value: true, lane: "alarm" }],
  );
});

test("by default a change shows within 2 s", async () => {
  const bus = createSimulatedBus();
  const chip = thermometer();
  bus.attach(0x48, chip);
  await using run = startDriver(
    createDriver(async () => bus),
    {
      bus: "/dev/i2c-1",
      devices: { hall: { type: "tmp105", address: 0x48 } },
    },
  );
  await run.samples(named("hall/temperature", 25));
  chip.registers.set(0, [0x1a, 0x00]);
  await run.samples(named("hall/temperature", 26), { timeoutMs: 2000 });
});

test("the values of a device are one emit with one time; without a clock they have none", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x40, registerChip({ 0: [0, 0], 1: [0x07, 0xd0], 2: [0x5d, 0x98] }));
  const devices = { supply: { type: "ina219", address: 0x40, shuntOhms: 0.002 } };
  await using run = start(bus, devices);
  const samples = await run.samples(({ lane }) => lane === "telemetry", { count: 3 });
  assert.deepEqual(
    samples.map(({ name, value, unit }) => [name, value, unit]),
    [
      ["supply/voltage", 11.98, "V"],
      ["supply/current", 10, "A"],
      ["supply/power", 119.8, "W"],
    ],
  );
  assert.equal(new Set(samples.map(({ timeMs }) => timeMs)).size, 1);
  const options = { bus: 1, devices };
  await using blind = startDriver(
    createDriver(async () => bus),
    options,
    { clockKnown: false },
  );
  const [sample] = await blind.samples(({ lane }) => lane === "telemetry");
  assert.equal(sample?.timeMs, undefined);
});

test("a device that goes and comes back is told once each, and set up again", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x48, thermometer());
  await using run = start(bus, { hall: { type: "tmp105", address: 0x48, everyMs } });
  await run.samples(named("hall/temperature"));
  bus.detach(0x48);
  await run.samples(named("hall/online", false));
  const before = run.emitted.length;
  const fresh = registerChip({ 0: [0x1a, 0x00], 1: [0x00] });
  bus.attach(0x48, fresh);
  await run.samples(named("hall/temperature", 26));
  assert.deepEqual(fresh.registers.get(1), [0x60]);
  assert.deepEqual(
    run.emitted
      .slice(before)
      .filter(named("hall/online"))
      .map(({ value }) => value),
    [true],
  );
  const told = run.lines.filter(({ level }) => level !== "debug").map(({ message }) => message);
  assert.deepEqual(told, [
    "hall (tmp105 at 0x48) answers",
    "hall (tmp105 at 0x48) is offline: nobody answered (ENXIO)",
    "hall (tmp105 at 0x48) answers",
  ]);
});

test("one failure is noise: it is tried again, and nobody is told", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x48, thermometer());
  await using run = start(bus, { hall: { type: "tmp105", address: 0x48, everyMs } });
  await run.samples(named("hall/temperature"), { count: 2 });
  let failures = 0;
  bus.script(() => (failures++ === 0 ? "EREMOTEIO" : undefined));
  const before = run.emitted.length;
  await run.samples(named("hall/temperature"), { count: before + 2 });
  assert.ok(failures > 1);
  assert.deepEqual(run.emitted.filter(named("hall/online", false)), []);
});

test("a device that is known to be away is not asked to do anything", async () => {
  const bus = createSimulatedBus();
  await using run = start(bus, { rtc: { type: "ds1338", address: 0x68, everyMs } });
  await run.samples(named("rtc/online", false));
  await assert.rejects(run.command("rtc/time", 1_800_000_000), {
    code: "I2C_OFFLINE",
    message: /rtc \(ds1338 at 0x68\) is offline: nobody answered/,
  });
});

test("a device that holds the bus for long is asked seldom, and the others get their turns", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x48, thermometer());
  bus.attach(0x49, thermometer());
  const stuckMs = 30;
  const asked: number[] = [];
  bus.script(async ({ address }) => {
    if (address !== 0x4f) return undefined;
    asked.push(performance.now());
    await new Promise((resolve) => setTimeout(resolve, stuckMs));
    return "ETIMEDOUT";
  });
  await using run = start(bus, {
    stuck: { type: "tmp105", address: 0x4f, everyMs },
    a: { type: "tmp105", address: 0x48, everyMs },
    b: { type: "tmp105", address: 0x49, everyMs },
  });
  await run.samples(named("a/temperature"), { count: 25 });
  const [ofA, ofB] = ["a", "b"].map((name) => run.emitted.filter(named(`${name}/temperature`)).length);
  assert.ok(Math.abs(ofA! - ofB!) <= 2, `${ofA} and ${ofB} samples`);
  assert.equal(bus.mostAtOnce, 1);
  // The waits are 20, 40, 80, 160, 160, … ms, each behind a transfer.
  const gaps = asked.slice(1).map((at, i) => at - asked[i]!);
  for (const [i, gap] of gaps.entries()) {
    const least = stuckMs + Math.min(160, 20 * 2 ** i) - 2;
    assert.ok(gap >= least, `asked after ${gaps.map(Math.round).join(", ")} ms`);
  }
  assert.ok(gaps.length >= 2);
  const [offline] = run.lines.filter(({ level }) => level === "warn");
  assert.match(offline!.message, /stuck .* is offline: the transfer timed out/);
});

test("while the adapter hangs all its devices are offline, and come back with it", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x48, thermometer());
  bus.attach(0x49, thermometer());
  const hanging = Promise.withResolvers<undefined>();
  await using run = start(
    bus,
    { a: { type: "tmp105", address: 0x48, everyMs }, b: { type: "tmp105", address: 0x49, everyMs } },
    { timeoutMs: 50 },
  );
  await run.samples(named("b/temperature"));
  let begun = 0;
  bus.script(() => {
    begun += 1;
    return hanging.promise;
  });
  await run.samples(named("a/online", false));
  await run.samples(named("b/online", false));
  // Both have failed twice, and the adapter was left alone.
  assert.equal(begun, 1);
  bus.script(undefined);
  hanging.resolve(undefined);
  await run.samples(named("a/online", true), { count: 2 });
  await run.samples(named("b/online", true), { count: 2 });
});

test("a command is done ahead of samples, and what is written is sampled", async () => {
  const bus = createSimulatedBus();
  const chip = registerChip({ 16: [0x00, 0xc8], 17: [0] });
  bus.attach(0x33, chip);
  const setpoint = { register: 0x10, bytes: 2, scale: 0.1, unit: "Cel", access: "read-write", max: 60 };
  await using run = start(bus, {
    heater: {
      type: "generic",
      address: 0x33,
      everyMs,
      registers: { setpoint, boost: { register: 0x11, boolean: true, access: "write" } },
    },
  });
  await run.samples(named("heater/setpoint", 20));
  assert.deepEqual(await run.command("heater/setpoint", 21.5), { value: 21.5 });
  assert.deepEqual(chip.registers.get(0x10), [0x00, 0xd7]);
  await run.samples(named("heater/setpoint", 21.5));
  assert.deepEqual(await run.command("heater/boost", true), { value: true });
  await assert.rejects(run.command("heater/setpoint", 61), { code: "I2C_VALUE" });
  bus.detach(0x33);
  await assert.rejects(run.command("heater/boost", false), { code: /^I2C_(NO_ANSWER|OFFLINE)$/ } as never);
});

test("without its adapter the driver ends and says why; it is for the node to start it again", async () => {
  const gone = new UmecError("I2C_NO_BUS", "/dev/i2c-1 can't be opened (ENOENT)");
  await using never = startDriver(
    createDriver(() => Promise.reject(gone)),
    { bus: 1, devices: { hall: { type: "tmp105", address: 0x48 } } },
  );
  await assert.rejects(
    never.samples(() => true),
    { code: "I2C_NO_BUS" },
  );

  const bus = createSimulatedBus();
  bus.attach(0x48, thermometer());
  await using run = start(bus, { hall: { type: "tmp105", address: 0x48, everyMs } });
  await run.samples(named("hall/temperature"));
  bus.script(() => {
    throw Object.assign(new Error(), { code: "ENOENT", syscall: "open", path: "/dev/i2c-1" });
  });
  await run.samples(named("hall/online", false));
  await assert.rejects(run.samples(named("never")), { code: "I2C_NO_BUS" });
  assert.equal(bus.closed, true);
});

test("stopping lets go of the adapter, also amid a wait of a chip", async () => {
  const bus = createSimulatedBus();
  bus.attach(0x44, registerChip({}));
  const measuring = Promise.withResolvers<void>();
  bus.script(({ kind }) => {
    if (kind === "write") setImmediate(() => measuring.resolve());
    return undefined;
  });
  const run = start(bus, { air: { type: "sht3x", address: 0x44 } });
  await measuring.promise;
  await run.stop();
  assert.equal(bus.closed, true);
  assert.deepEqual(
    run.lines.filter(({ level }) => level !== "debug"),
    [],
  );
});
