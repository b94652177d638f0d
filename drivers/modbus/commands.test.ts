import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { server as peer } from "jsmodbus";
import { type DriverRun, startDriver } from "../../runtime/plugin/testkit.ts";
import { driver } from "./driver.ts";
import { createMemory, type Simulator, startSimulator } from "./simulator.ts";

const registers = {
  setpoint: { address: 0, type: "int16", scale: 0.1, access: "read-write", min: 5, max: 30 },
  limit: { address: 1, type: "float32", wordOrder: "CDAB", access: "read-write" },
  label: { address: 3, type: "string", registers: 2, access: "read-write" },
  code: { address: 5, access: "write" },
  relay: { table: "coil", address: 0, access: "read-write" },
  fixed: { address: 0 },
};
const world = () => createMemory({ holding: { 0: 200, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0 }, coil: { 0: 0 } });

function start(simulator: Simulator, more: object = {}): DriverRun {
  return startDriver(driver, {
    host: "127.0.0.1",
    port: simulator.port,
    timeoutMs: 500,
    units: { a: { unit: 1, intervalMs: 50, registers } },
    ...more,
  });
}

test("a command writes, reads back and replies with what the device holds", async () => {
  const memory = world();
  await using simulator = await startSimulator({ units: { 1: memory } });
  await using run = start(simulator);
  assert.deepEqual(await run.command("a/setpoint", 21.53), { value: 21.5 });
  assert.equal(memory.read("holding", 0), 215);
  assert.deepEqual(await run.command("a/limit", 230.5), { value: 230.5 });
  assert.deepEqual([memory.read("holding", 1), memory.read("holding", 2)], [0x8000, 0x4366]);
  assert.deepEqual(await run.command("a/label", "abc"), { value: "abc" });
  assert.deepEqual(await run.command("a/code", 4711), { value: 4711 });
  assert.deepEqual(await run.command("a/relay", true), { value: true });
  assert.equal(memory.read("coil", 0), 1);
  const writes = simulator.requests.filter(({ functionCode }) => functionCode > 4);
  assert.deepEqual(
    writes.map(({ functionCode, address, count }) => [functionCode, address, count]),
    [
      [6, 0, 1],
      [16, 1, 2],
      [16, 3, 2],
      [6, 5, 1],
      [5, 0, 1],
    ],
  );
});

test("a value that does not fit is refused and nothing is sent", async () => {
  await using simulator = await startSimulator({ units: { 1: world() } });
  await using run = start(simulator);
  for (const value of [4.9, 30.1, Number.NaN, "20", null, undefined, true]) {
    await assert.rejects(run.command("a/setpoint", value), { code: "COMMAND_INVALID" });
  }
  await assert.rejects(run.command("a/label", "too long"), { code: "COMMAND_INVALID" });
  await assert.rejects(run.command("a/relay", "on"), { code: "COMMAND_INVALID" });
  await assert.rejects(run.command("a/fixed", 1), { code: "COMMAND_READ_ONLY" });
  assert.ok(simulator.requests.every(({ functionCode }) => functionCode <= 4));
});

test("a device that keeps another value than was written is an error, unless reading back is off", async () => {
  const stubborn = { ...world(), write: () => true };
  await using simulator = await startSimulator({ units: { 1: stubborn } });
  await using run = start(simulator);
  await assert.rejects(run.command("a/setpoint", 25), { code: "MODBUS_READBACK" });
  await assert.rejects(run.command("a/relay", true), { code: "MODBUS_READBACK" });
  await using trusting = start(simulator, { readBack: false });
  assert.deepEqual(await trusting.command("a/setpoint", 25), { value: 25 });
});

test("commands for one register take turns, so that each reads back its own", async () => {
  await using simulator = await startSimulator({ units: { 1: world() } });
  await using run = start(simulator);
  const values = [10, 11, 12, 13];
  const replies = await Promise.all(values.map((value) => run.command("a/setpoint", value)));
  assert.deepEqual(
    replies,
    values.map((value) => ({ value })),
  );
});

test("what the device or the line does to a write is told by its code", async () => {
  await using simulator = await startSimulator({ units: { 1: world() } });
  await using run = start(simulator, { timeoutMs: 60 });
  await run.samples(({ name }) => name === "a/fixed");
  const onWrite = (fault: Parameters<Simulator["script"]>[0]): void =>
    simulator.script((request) => (request.functionCode > 4 ? fault?.(request) : undefined));

  onWrite(() => ({ kind: "exception", code: 4 }));
  await assert.rejects(run.command("a/setpoint", 20), {
    code: "MODBUS_EXCEPTION",
    message: /server device failure \(exception 4\)/,
  });
  onWrite(() => ({ kind: "disconnect" }));
  await assert.rejects(run.command("a/setpoint", 20), { code: "MODBUS_DISCONNECTED" });
  onWrite(() => ({ kind: "silent" }));
  await assert.rejects(run.command("a/setpoint", 20), { code: "MODBUS_TIMEOUT" });
  await assert.rejects(run.command("a/setpoint", 20), { code: "MODBUS_UNIT_OFFLINE" });
});

test("commands go ahead of polls", async () => {
  const memory = createMemory();
  const many = Object.fromEntries(
    Array.from({ length: 10 }, (_, i) => {
      memory.set("holding", i * 1000, i);
      return [`r${i}`, { address: i * 1000 }];
    }),
  );
  const units = Object.fromEntries([1, 2, 3].map((unit) => [`u${unit}`, { unit, registers: many }]));
  units.w = { unit: 4, registers: { x: { address: 0, access: "write" } } as never };
  await using simulator = await startSimulator({ units: { 1: memory, 2: memory, 3: memory, 4: memory } });
  await using run = start(simulator, { units });
  let commanded: Promise<unknown> | undefined;
  let askedAt = 0;
  simulator.script(() => {
    if (simulator.requests.length === 3) {
      askedAt = simulator.requests.length;
      commanded = run.command("w/x", 1);
    }
    return undefined;
  });
  await run.samples(({ name }) => name === "u3/r9");
  await commanded;
  // One poll is under way when the command is given, and one more may be on its way already.
  const place = simulator.requests.findIndex(({ functionCode }) => functionCode === 6);
  assert.ok(
    place >= askedAt && place <= askedAt + 1,
    `the command was request ${place}, asked at ${askedAt}`,
  );
});

test("a foreign server is read and written", async () => {
  const holding = Buffer.alloc(20);
  holding.writeFloatBE(21.5, 4);
  const listening = createServer();
  new peer.TCP(listening, { holding, coils: Buffer.alloc(4) });
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  try {
    const { port } = listening.address() as AddressInfo;
    await using run = startDriver(driver, {
      host: "127.0.0.1",
      port,
      units: {
        a: {
          unit: 1,
          intervalMs: 20,
          registers: {
            temperature: { address: 2, type: "float32", access: "read-write" },
            mode: { address: 0, access: "read-write" },
            relay: { table: "coil", address: 5, access: "read-write" },
          },
        },
      },
    });
    await run.samples(({ name, value }) => name === "a/temperature" && value === 21.5);
    assert.deepEqual(await run.command("a/temperature", -3.25), { value: -3.25 });
    assert.equal(holding.readFloatBE(4), -3.25);
    assert.deepEqual(await run.command("a/mode", 7), { value: 7 });
    assert.deepEqual(await run.command("a/relay", true), { value: true });
    await run.samples(({ name, value }) => name === "a/relay" && value === true);
  } finally {
    listening.close();
  }
});
