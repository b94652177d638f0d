import assert from "node:assert/strict";
import { test } from "node:test";
import { type DriverRun, startDriver } from "../../runtime/plugin/testkit.ts";
import { driver } from "./driver.ts";
import { createMemory, type Simulator, startSimulator } from "./simulator.ts";

/** Fast enough for a test, and slow enough for a busy machine. */
const quick = {
  timeoutMs: 60,
  reconnect: { initialMs: 5, maxMs: 20 },
  quarantine: { initialMs: 100, maxMs: 400 },
};

function start(simulator: Simulator, units: object, more: object = {}): DriverRun {
  return startDriver(driver, { host: "127.0.0.1", port: simulator.port, ...quick, units, ...more });
}
const named =
  (name: string, value?: unknown) =>
  (sample: { name: string; value: unknown }): boolean =>
    sample.name === name && (value === undefined || sample.value === value);

test("all tables are polled, and a poll is one emit with one time", async () => {
  const memory = createMemory({ holding: { 0: 2301, 1: 0x4366, 2: 0x8000 } });
  memory.set("input", 7, 0xffff, 0xfffe);
  memory.set("coil", 3, 1);
  memory.set("discrete", 9, 0);
  await using simulator = await startSimulator({ units: { 17: memory } });
  await using run = start(simulator, {
    meter: {
      unit: 17,
      registers: {
        voltage: { address: "40001", scale: 0.1, unit: "V" },
        power: { address: 1, type: "float32", unit: "W" },
        balance: { table: "input", address: 7, type: "int32" },
        relay: { table: "coil", address: 3 },
        door: { table: "discrete", address: 9 },
      },
    },
  });
  await run.samples((sample) => sample.lane === "telemetry", { count: 5 });
  const polled = run.emitted.filter(({ lane }) => lane === "telemetry").slice(0, 5);
  assert.deepEqual(Object.fromEntries(polled.map(({ name, value }) => [name, value])), {
    "meter/voltage": 230.1,
    "meter/power": 230.5,
    "meter/balance": -2,
    "meter/relay": true,
    "meter/door": false,
  });
  assert.equal(new Set(polled.map(({ timeMs }) => timeMs)).size, 1);
  assert.equal(polled.find(named("meter/power"))?.unit, "W");
  const [online] = await run.samples(named("meter/online"));
  assert.deepEqual({ value: online?.value, lane: online?.lane }, { value: true, lane: "alarm" });
  assert.equal(simulator.requests.length, 4);
});

test("without a clock that can be trusted samples carry no time", async () => {
  await using simulator = await startSimulator({ units: { 1: createMemory({ holding: { 0: 1 } }) } });
  const options = {
    host: "127.0.0.1",
    port: simulator.port,
    units: { a: { unit: 1, registers: { x: { address: 0 } } } },
  };
  await using run = startDriver(driver, options, { clockKnown: false });
  const [sample] = await run.samples(named("a/x"));
  assert.equal(sample?.timeMs, undefined);
});

test("a dead unit costs the others one timeout for each probe, and no more", async () => {
  const memory = createMemory({ holding: { 0: 1, 1: 2 } });
  await using simulator = await startSimulator({ units: { 1: memory, 3: memory } });
  const registers = { x: { address: 0, intervalMs: 20 }, y: { address: 1, intervalMs: 20 } };
  const two = { x: { address: 0, intervalMs: 20 }, y: { address: 1, intervalMs: 30 } };
  const started = performance.now();
  await using run = start(simulator, {
    a: { unit: 1, registers },
    dead: { unit: 2, registers: two },
    b: { unit: 3, registers },
  });
  await run.samples(named("dead/online", false));
  await run.samples(named("a/x"), { count: 40 });
  const order = simulator.requests.map(({ unit }) => unit);
  const probes = order.filter((unit) => unit === 2).length;
  const [ofA, ofB] = [1, 3].map((live) => order.filter((unit) => unit === live).length);
  assert.ok(Math.abs(ofA! - ofB!) <= 4, `${ofA} and ${ofB} requests to the live units`);
  // The waits are at least 50, 100, 200, 200, … ms.
  const most = 4 + (performance.now() - started) / 200;
  assert.ok(probes >= 2 && probes <= most, `${probes} requests to the dead unit`);
  for (const [i, unit] of order.entries()) {
    if (unit === 2) assert.notEqual(order[i + 1], 2, "the dead unit was asked twice in a row");
  }
});

test("many dead units, more than end a connection, do not hide a live one", async () => {
  await using simulator = await startSimulator({ units: { 9: createMemory({ holding: { 0: 1 } }) } });
  const registers = { x: { address: 0 } };
  const dead = Object.fromEntries([1, 2, 3, 4, 5].map((unit) => [`dead${unit}`, { unit, registers }]));
  await using run = start(simulator, { ...dead, live: { unit: 9, registers } });
  await run.samples(named("live/x"));
  const before = simulator.requests.findIndex(({ unit }) => unit === 9);
  // One timeout each, and a probe or two that became due meanwhile.
  assert.ok(before <= 10, `${before} requests to dead units came first`);
});

test("a connection that was dropped for silence does not end the quarantine", async () => {
  await using simulator = await startSimulator({ units: {} });
  const seventh = Promise.withResolvers<void>();
  const came: number[] = [];
  simulator.script(() => {
    if (came.push(performance.now()) === 7) seventh.resolve();
    return undefined;
  });
  const quarantine = { initialMs: 40, maxMs: 160 };
  await using _run = start(simulator, { a: { unit: 1, registers: { x: { address: 0 } } } }, { quarantine });
  await seventh.promise;
  // From the third probe on the wait is 80 to 160 ms behind a timeout of 60, also across new connections.
  const gaps = came.slice(1).map((at, i) => at - came[i]!);
  for (const gap of gaps.slice(2)) assert.ok(gap >= 120, `asked after ${gaps.map(Math.round).join(", ")} ms`);
});

test("a unit that comes back is sampled at once, in all its groups", async () => {
  const memory = createMemory({ holding: { 0: 1, 1: 2 } });
  await using simulator = await startSimulator({ units: { 1: memory } });
  simulator.script(() => ({ kind: "silent" }));
  const hour = 3_600_000;
  await using run = start(simulator, {
    a: {
      unit: 1,
      registers: { x: { address: 0, intervalMs: hour }, y: { address: 1, intervalMs: 2 * hour } },
    },
  });
  await run.samples(named("a/online", false));
  simulator.script(undefined);
  await run.samples(named("a/online", true));
  await run.samples(named("a/x"));
  await run.samples(named("a/y"));
});

test("a gateway's word that the unit is not there counts like silence", async () => {
  await using simulator = await startSimulator({ units: { 1: createMemory({ holding: { 0: 1 } }) } });
  simulator.script(() => ({ kind: "exception", code: 11 }));
  await using run = start(simulator, { a: { unit: 1, registers: { x: { address: 0 } } } });
  await run.samples(named("a/online", false));
  simulator.script(undefined);
  await run.samples(named("a/x", 1));
});

test("after a restart of the server everything is sampled at once", async () => {
  const memory = createMemory({ holding: { 0: 1 } });
  const first = await startSimulator({ units: { 1: memory } });
  await using run = start(first, { a: { unit: 1, intervalMs: 3_600_000, registers: { x: { address: 0 } } } });
  await run.samples(named("a/x"));
  await first.close();
  await run.samples(named("a/online", false));
  memory.set("holding", 0, 5);
  await using _second = await startSimulator({ units: { 1: memory }, port: first.port });
  await run.samples(named("a/x", 5));
  await run.samples(named("a/online", true), { count: 2 });
});

test("a register that the device lacks, or that holds no value, is told once and leaves the rest alone", async () => {
  const memory = createMemory({ holding: { 0: 1, 2: 3, 10: 0x7fc0, 11: 0 } });
  await using simulator = await startSimulator({ units: { 1: memory } });
  await using run = start(simulator, {
    a: {
      unit: 1,
      intervalMs: 20,
      registers: {
        x: { address: 0 },
        missing: { address: 1 },
        z: { address: 2 },
        nan: { address: 10, type: "float32" },
      },
    },
  });
  await run.samples(named("a/z", 3), { count: 4 });
  assert.equal(run.lines.filter(({ message }) => /a\/missing is left out/.test(message)).length, 1);
  assert.equal(run.lines.filter(({ message }) => /a\/nan has no value/.test(message)).length, 1);
  // One sample says so; from then on there is none.
  const told = (name: string) =>
    run.emitted
      .filter((sample) => sample.name === name)
      .map(({ value, quality, reason, lane }) => [value, quality, reason, lane]);
  const missing = "function 3 was refused: illegal data address (exception 2)";
  assert.deepEqual(told("a/missing"), [[null, "bad", missing, "telemetry"]]);
  assert.deepEqual(told("a/nan"), [[null, "bad", "the register holds NaN", "telemetry"]]);
  memory.setBytes("holding", 10, Buffer.from("43668000", "hex"));
  await run.samples(named("a/nan", 230.5));
});

test("an exception for one read is told once and costs that read only", async () => {
  const memory = createMemory({ holding: { 0: 1 }, input: { 0: 2 } });
  await using simulator = await startSimulator({ units: { 1: memory } });
  simulator.script(({ table }) => (table === "input" ? { kind: "exception", code: 6 } : undefined));
  await using run = start(simulator, {
    a: { unit: 1, intervalMs: 20, registers: { x: { address: 0 }, y: { table: "input", address: 0 } } },
  });
  await run.samples(named("a/x"), { count: 3 });
  assert.equal(run.lines.filter(({ message }) => /a\/y can't be read.*busy/.test(message)).length, 1);
  simulator.script(({ table }) => (table === "input" ? { kind: "exception", code: 4 } : undefined));
  await run.samples(named("a/y"), { count: 2 });
  await run.samples(named("a/x"), { count: run.emitted.filter(named("a/x")).length + 3 });
  simulator.script(undefined);
  await run.samples(named("a/y", 2), { count: 2 });
  simulator.script(({ table }) => (table === "input" ? { kind: "exception", code: 4 } : undefined));
  await run.samples(({ name, quality }) => name === "a/y" && quality === "bad", { count: 3 });
  const told = run.emitted.filter(({ name, quality }) => name === "a/y" && quality === "bad");
  assert.deepEqual(
    told.map(({ value, reason }) => [value, reason]),
    [6, 4, 4].map((code) => {
      const name = code === 6 ? "server device busy" : "server device failure";
      return [null, `function 4 was refused: ${name} (exception ${code})`];
    }),
  );
});

test("a pipelined unit is read with several requests at once", async () => {
  const memory = createMemory({ holding: { 0: 1, 1000: 2, 2000: 3 } });
  await using simulator = await startSimulator({ units: { 1: memory } });
  // The first answer comes with the third: with less than three under way there would be none.
  let polls = 0;
  simulator.script(({ address }) => {
    if (address === 0) polls += 1;
    return polls > 1 && address < 2000 ? { kind: "hold" } : undefined;
  });
  const registers = { x: { address: 0 }, y: { address: 1000 }, z: { address: 2000 } };
  await using run = start(simulator, { a: { unit: 1, intervalMs: 20, registers } }, { maxInFlight: 3 });
  await run.samples(named("a/x"), { count: 3 });
  assert.deepEqual(run.emitted.filter(named("a/online", false)), []);
});

test("on one line a high priority goes first, that of a register before that of its unit", async () => {
  const memory = createMemory({ holding: { 0: 1, 500: 2 } });
  await using simulator = await startSimulator({ units: { 1: memory, 2: memory, 3: memory } });
  const registers = { x: { address: 0 } };
  await using run = start(simulator, {
    slow: { unit: 1, priority: "low", registers },
    usual: { unit: 2, registers: { x: { address: 0 }, urgent: { address: 500, priority: "high" } } },
    fast: { unit: 3, priority: "high", registers },
  });
  await run.samples(named("slow/x"));
  assert.deepEqual(
    simulator.requests.slice(0, 4).map(({ unit, address }) => [unit, address]),
    [
      [2, 500],
      [3, 0],
      [2, 0],
      [1, 0],
    ],
  );
});

test("stopping closes the socket", async () => {
  await using simulator = await startSimulator({ units: { 1: createMemory({ holding: { 0: 1 } }) } });
  const run = start(simulator, { a: { unit: 1, registers: { x: { address: 0 } } } });
  await run.samples(named("a/x"));
  assert.equal(simulator.connections, 1);
  await run.stop();
  // The server can only be closed when nobody is connected: `close` itself would cut.
  while (simulator.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(simulator.connections, 0);
});
