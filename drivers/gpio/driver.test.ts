import assert from "node:assert/strict";
import { test } from "node:test";
import { type DriverRun, recordingLog, startDriver } from "../../runtime/plugin/testkit.ts";
import { createDriver } from "./driver.ts";
import { goneError } from "./errors.ts";
import { createMemoryGpio, type MemoryGpio } from "./memory.ts";

const door = "gpiochip0:1";
const siren = "gpiochip0:2";
const water = "gpiochip1:0";

function board(): MemoryGpio {
  return createMemoryGpio([
    {
      name: "gpiochip0",
      label: "9030000.pl061",
      lines: ["", "DOOR", "SIREN", { name: "KEY", consumer: "gpio-keys" }],
    },
    { name: "gpiochip1", label: "expander", lines: ["WATER", "", "", ""] },
  ]);
}
function start(
  gpio: MemoryGpio,
  options: object,
  more: { clockKnown?: boolean; state?: Map<string, unknown> } = {},
): DriverRun {
  return startDriver(
    createDriver(async () => gpio.port),
    options,
    more,
  );
}
const named =
  (name: string, value?: unknown) =>
  (sample: { name: string; value: unknown }): boolean =>
    sample.name === name && (value === undefined || sample.value === value);

test("the level at the start, and then each edge with the time of its interrupt, in order", async () => {
  const gpio = board();
  await using run = start(gpio, { inputs: { door: { line: "DOOR", lane: "alarm" } } });
  await run.samples(named("door", false));
  const fromMs = gpio.port.nowMs();
  const unixMs = Date.now();
  for (let n = 0; n < 200; n++) gpio.drive(door, n % 2 === 0, { atMs: fromMs + n / 10 });
  const edges = (await run.samples(named("door"), { count: 201 })).slice(1);
  assert.deepEqual(
    edges.map(({ value, lane }) => [value, lane]),
    Array.from({ length: 200 }, (_, n) => [n % 2 === 0, "alarm"]),
  );
  for (const [n, { timeMs, quality }] of edges.entries()) {
    assert.equal(quality, undefined);
    assert.ok(Math.abs(timeMs! - unixMs - n / 10) < 5, `${timeMs! - unixMs} is not ${n / 10}`);
    if (n > 0) assert.ok(timeMs! > edges[n - 1]!.timeMs!, "the order is kept");
  }
});

test("while the clock is not known edges have no time of their own", async () => {
  const gpio = board();
  await using run = start(gpio, { inputs: { door: { line: "DOOR" } } }, { clockKnown: false });
  await run.samples(named("door", false));
  gpio.drive(door, true);
  const [edge] = await run.samples(named("door", true));
  assert.equal(edge?.timeMs, undefined);
});

test("active low, bias, edge and debounce are the kernel's matter", async () => {
  const gpio = board();
  const input = { line: "DOOR", activeLow: true, bias: "pull-up", edge: "rising", debounceMs: 20 };
  await using run = start(gpio, { inputs: { door: input } });
  await run.samples(named("door", false));
  gpio.drive(door, false);
  await run.samples(named("door", true));
  assert.deepEqual(gpio.requests[0]?.config, {
    direction: "in",
    activeLow: true,
    bias: "pull-up",
    drive: "push-pull",
    edge: "rising",
    debounceMs: 20,
  });
});

test("edges that the kernel lost are counted, and the next one is uncertain", async () => {
  const gpio = board();
  await using run = start(gpio, { inputs: { door: { line: "DOOR" } } });
  await run.samples(named("door", false));
  gpio.drive(door, true, { lost: 3 });
  gpio.drive(door, false);
  const [, edge, next] = await run.samples(named("door"), { count: 3 });
  assert.equal(edge?.quality, "uncertain");
  assert.match(edge?.reason ?? "", /^3 edges/);
  assert.equal(next?.quality, undefined);
  const [lost] = await run.samples(named("door/lost"));
  assert.deepEqual([lost?.value, lost?.unit, lost?.timeMs], [3, "count", edge?.timeMs]);
});

test("pulses are counted with those that went missing, and the total outlives a restart", async () => {
  const gpio = board();
  const state = new Map<string, unknown>();
  const options = {
    everyMs: 100,
    inputs: { water: { line: water, edge: "rising", count: true, report: false } },
  };
  const first = start(gpio, options, { state });
  await first.samples(named("water/count", 0));
  for (let n = 0; n < 10; n++) {
    gpio.drive(water, true, { lost: n === 5 ? 2 : 0 });
    gpio.drive(water, false);
  }
  const [count] = await first.samples(named("water/count", 12));
  assert.deepEqual([count?.unit, count?.quality], ["count", "uncertain"]);
  const rates = await first.samples(named("water/rate"));
  assert.ok(rates.some(({ value, unit }) => Number(value) > 0 && unit === "1/s"));
  assert.equal(first.emitted.some(named("water")), false);
  assert.equal((await first.samples(named("water/lost")))[0]?.value, 2);
  await first.stop();
  assert.deepEqual(state.get("counts"), { water: 12 });

  await using second = start(gpio, options, { state });
  await second.samples(named("water/count", 12));
  assert.equal(await second.command("water/count", 5000), 5000);
  assert.deepEqual(state.get("counts"), { water: 5000 });
  await assert.rejects(second.command("water/count", -1), { code: "COMMAND_INVALID" });
});

test("an output is safe first, then initial, obeys commands with what is read back, and ends safe", async () => {
  const gpio = board();
  const options = { outputs: { siren: { line: "SIREN", activeLow: true, safe: false, initial: true } } };
  const run = start(gpio, options);
  await run.samples(named("siren", true));
  assert.deepEqual(gpio.history(siren), [true, false], "high is off: it is active low");
  assert.equal(await run.command("siren", false), false);
  assert.equal(await run.command("siren", true), true);
  await run.samples(named("siren", false));
  await run.stop();
  assert.equal(gpio.level(siren), true);
  assert.equal(gpio.held(siren), false);
});

test("an output that something outside holds is told as it is", async () => {
  const gpio = board();
  await using run = start(gpio, { outputs: { siren: { line: "SIREN" } } });
  await run.samples(named("siren", false));
  gpio.stick(siren, false);
  assert.equal(await run.command("siren", true), false);
  const [sample] = await run.samples(({ quality }) => quality === "uncertain");
  assert.match(sample?.reason ?? "", /set to true/);
});

test("a pulse ends by itself, not before its time, and gives way to a command", async () => {
  const gpio = board();
  await using run = start(gpio, { outputs: { siren: { line: "SIREN" } } });
  await run.samples(named("siren", false));
  const fromMs = performance.now();
  assert.equal(await run.command("siren", { pulseMs: 30 }), true);
  await run.samples(named("siren", false), { count: 2 });
  assert.ok(performance.now() - fromMs >= 30);
  assert.deepEqual(gpio.history(siren), [false, true, false]);

  await run.command("siren", { pulseMs: 40 });
  await run.command("siren", true);
  await run.command("siren", { pulseMs: 60 });
  await run.samples(named("siren", false), { count: 3 });
  assert.deepEqual(gpio.history(siren).slice(3), [true, true, true, false]);
  for (const value of [1, "on", { pulseMs: 0 }, { pulseMs: 10, more: 1 }, null]) {
    await assert.rejects(run.command("siren", value), { code: "COMMAND_INVALID" }, JSON.stringify(value));
  }
});

test("a stop in the middle of a pulse leaves the output safe", async () => {
  const gpio = board();
  const run = start(gpio, { outputs: { siren: { line: "SIREN" } } });
  await run.samples(named("siren"));
  await run.command("siren", { pulseMs: 60_000 });
  await run.stop();
  assert.deepEqual(gpio.history(siren), [false, true, false]);
});

test("a duty cycle is held until the next command, and the end is safe", async () => {
  const gpio = board();
  const run = start(gpio, { outputs: { fan: { line: "SIREN", pwmHz: 100 } } });
  await run.samples(named("fan", 0));
  assert.equal(await run.command("fan", 100), 100);
  const [full] = await run.samples(named("fan", 100));
  assert.equal(full?.unit, "%");
  await assert.rejects(run.command("fan", 101), { code: "COMMAND_INVALID" });
  await run.command("fan", 30);
  await run.stop();
  assert.equal(gpio.level(siren), false);
});

test("a mistake in one line moves no output", async () => {
  for (const [line, code] of [
    ["KEY", "GPIO_BUSY"],
    ["DOR", "GPIO_NO_LINE"],
    ["SIREN", "GPIO_BUSY"],
  ]) {
    const gpio = board();
    const run = start(gpio, { outputs: { siren: { line: siren } }, inputs: { wrong: { line } } });
    await assert.rejects(
      run.samples(() => true),
      { code: code! },
    );
    assert.deepEqual(gpio.history(siren), []);
  }
});

test("when a line can't be had, those before it are given back", async () => {
  const gpio = board();
  const { request } = gpio.port;
  gpio.port.request = async (wanted) => {
    if (wanted.config.direction === "in") throw Object.assign(new Error("no"), { code: "GPIO_UNSUPPORTED" });
    return request(wanted);
  };
  const run = start(gpio, { outputs: { siren: { line: siren } }, inputs: { door: { line: door } } });
  await assert.rejects(
    run.samples(() => true),
    { code: "GPIO_UNSUPPORTED" },
  );
  assert.equal(gpio.held(siren), false);
});

test("a chip that goes ends the driver, outputs being safe as far as can be", async () => {
  const gpio = board();
  const run = start(gpio, {
    outputs: { siren: { line: siren, initial: true } },
    inputs: { door: { line: door } },
  });
  await run.samples(named("door"));
  const { onGone } = gpio.requests.find(({ config }) => config.direction === "in")!;
  onGone!(goneError("gpiochip0"));
  await assert.rejects(
    run.samples(() => false),
    { code: "GPIO_GONE" },
  );
  assert.equal(gpio.level(siren), false);
  assert.deepEqual([gpio.held(siren), gpio.held(door)], [false, false]);
});

test("lines that are alike share a request; those with edges only eight", async () => {
  const lines = Array.from({ length: 20 }, (_, n) => `L${n}`);
  const gpio = createMemoryGpio([{ name: "gpiochip0", label: "big", lines }]);
  const edges = Object.fromEntries(lines.slice(0, 10).map((line) => [line, { line }]));
  const still = Object.fromEntries(lines.slice(10).map((line) => [line, { line, edge: "none" }]));
  await using run = start(gpio, { inputs: { ...edges, ...still } });
  await run.samples(() => true, { count: 20 });
  assert.deepEqual(
    gpio.requests.map(({ offsets }) => offsets.length),
    [8, 2, 10],
  );
  gpio.drive("gpiochip0:9", true);
  await run.samples(named("L9", true));
});

test("discovery shows chips, names and holders, and requests nothing", async () => {
  const gpio = board();
  const { discover } = createDriver(async () => gpio.port);
  const log = recordingLog(() => {});
  const found = await Array.fromAsync(discover!({ signal: new AbortController().signal, log }));
  assert.deepEqual(
    found.map(({ summary }) => summary),
    [
      "gpiochip0 (9030000.pl061): 4 lines",
      'gpiochip0:1 "DOOR": free, an input now',
      'gpiochip0:2 "SIREN": free, an input now',
      'gpiochip0:3 "KEY": held by gpio-keys',
      "gpiochip1 (expander): 4 lines",
      'gpiochip1:0 "WATER": free, an input now',
    ],
  );
  assert.equal(gpio.requests.length, 0);
});
