/** The driver on each of its transports: what is above them must not notice which it is. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type DriverRun, startDriver } from "../../runtime/plugin/testkit.ts";
import { createPty, type Pty } from "../common/pty.ts";
import { driver } from "./driver.ts";
import { createMemory, type SimulatedUnit, startSimulator } from "./simulator.ts";
import { type ModbusSlave, serveRtu } from "./simulator-rtu.ts";

const quick = {
  timeoutMs: 150,
  reconnect: { initialMs: 5, maxMs: 20 },
  quarantine: { initialMs: 100, maxMs: 400 },
};
type Bank = Record<number, SimulatedUnit>;
interface Served extends AsyncDisposable {
  options: object;
}

async function serveTcp(bank: Bank): Promise<Served> {
  const simulator = await startSimulator({ units: bank });
  return {
    options: { host: "127.0.0.1", port: simulator.port },
    [Symbol.asyncDispose]: simulator.close,
  };
}

/** A serial server: RTU slaves behind a TCP port. */
async function serveTunnel(bank: Bank): Promise<Served> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serveRtu(socket, bank);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    options: { transport: "rtu-over-tcp", host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface SerialPort extends Served {
  path: string;
  slave: ModbusSlave;
  /** Pulls the converter out, and plugs it in again. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
}

async function serveSerial(bank: Bank): Promise<SerialPort> {
  const dir = await mkdtemp(join(tmpdir(), "modbus-serial-"));
  const path = join(dir, "ttyUSB0");
  let pty: Pty;
  const port: SerialPort = {
    options: { transport: "serial", path, baudRate: 115_200 },
    path,
    slave: undefined as never,
    async plug() {
      pty = await createPty(path);
      port.slave = serveRtu(pty.peer, bank);
    },
    unplug: () => pty.unplug(),
    async [Symbol.asyncDispose]() {
      await pty.unplug();
      await rm(dir, { recursive: true, force: true });
    },
  };
  await port.plug();
  return port;
}

const registers = {
  flow: { table: "input", address: 4, type: "int16", scale: 0.1, unit: "Cel" },
  setpoint: { address: 10, type: "int16", scale: 0.1, unit: "Cel", access: "read-write", max: 60 },
  energy: { address: 20, type: "uint32", unit: "Wh" },
  pump: { table: "coil", address: 0, access: "read-write" },
  fault: { address: 30, type: "bool", bit: 3 },
  missing: { address: 500 },
};
const bankOf = () => {
  const heating = createMemory({
    input: { 4: 453 },
    holding: { 10: 200, 20: 1, 21: 2, 30: 8 },
    coil: { 0: 0 },
  });
  return { heating, bank: { 2: heating } };
};
const named =
  (name: string, value?: unknown) =>
  (sample: { name: string; value: unknown }): boolean =>
    sample.name === name && (value === undefined || sample.value === value);

function start(served: Served, units: object, more: object = {}): DriverRun {
  return startDriver(driver, { ...served.options, ...quick, units, ...more });
}

for (const [transport, serve] of [
  ["tcp", serveTcp],
  ["rtu-over-tcp", serveTunnel],
  ["serial", serveSerial],
] as const) {
  test(`${transport}: values, commands, what is missing and who is silent are the same`, async () => {
    const { heating, bank } = bankOf();
    await using served = await serve(bank);
    await using run = start(served, {
      heating: { unit: 2, intervalMs: 30, registers },
      dead: { unit: 9, registers: { x: { address: 0 } } },
    });
    await run.samples(named("heating/fault"));
    await run.samples(named("dead/online", false));
    const first = Object.fromEntries(
      run.emitted
        .filter(({ name }) => name.startsWith("heating/"))
        .toReversed()
        .map(({ name, value, unit }) => [name, [value, unit]]),
    );
    assert.deepEqual(first, {
      "heating/online": [true, undefined],
      "heating/flow": [45.3, "Cel"],
      "heating/setpoint": [20, "Cel"],
      "heating/energy": [65_538, "Wh"],
      "heating/pump": [false, undefined],
      "heating/fault": [true, undefined],
      "heating/missing": [null, undefined],
    });
    await run.line(/heating\/missing is left out/);
    assert.deepEqual(await run.command("heating/setpoint", 21.5), { value: 21.5 });
    assert.equal(heating.read("holding", 10), 215);
    assert.deepEqual(await run.command("heating/pump", true), { value: true });
    await run.samples(named("heating/pump", true));
    await assert.rejects(run.command("heating/setpoint", 61), { code: "COMMAND_INVALID" });
    heating.set("input", 4, 0xffff);
    await run.samples(named("heating/flow", -0.1));
  });
}

test("a slave that misbehaves gives right values or none, is marked, and recovers", async () => {
  const { bank } = bankOf();
  await using port = await serveSerial(bank);
  await using run = start(port, { a: { unit: 2, intervalMs: 20, registers: { flow: registers.flow } } });
  await run.samples(named("a/online", true));
  let marked = 0;
  for (const mode of ["bad-crc", "silence", "wrong-function", "truncated", "late", "wrong-unit"] as const) {
    port.slave.misbehave(mode, { delayMs: 200 });
    await run.samples(named("a/online", false), { count: ++marked });
    port.slave.behave();
    await run.samples(named("a/online", true), { count: marked + 1 });
  }
  for (const mode of ["split", "noise"] as const) {
    port.slave.misbehave(mode, { times: 3, gapMs: 5 });
    await port.slave.behaved();
    await run.samples(named("a/flow"), { count: run.emitted.filter(named("a/flow")).length + 3 });
  }
  assert.equal(run.emitted.filter(named("a/online", false)).length, marked);
  const wrong = run.emitted.filter((sample) => named("a/flow")(sample) && sample.value !== 45.3);
  assert.deepEqual(wrong, []);
});

for (const [mode, reason] of [
  ["exception", /server device failure \(exception 4\)/],
  ["silence", /within \d+ ms/],
  ["bad-crc", /CRC/],
] as const) {
  test(`a register that gives ${mode} while others of the unit answer is bad once, with the reason`, async () => {
    const { bank } = bankOf();
    await using port = await serveSerial(bank);
    port.slave.misbehave(mode, { table: "holding", code: 4 });
    await using run = start(port, {
      a: { unit: 2, intervalMs: 20, registers: { flow: registers.flow, setpoint: registers.setpoint } },
    });
    const bad = ({ name, quality }: { name: string; quality?: string }) =>
      name === "a/setpoint" && quality === "bad";
    await run.samples(bad);
    await run.samples(named("a/flow"), { count: run.emitted.filter(named("a/flow")).length + 3 });
    port.slave.behave();
    await run.samples(named("a/setpoint", 20));
    const told = run.emitted.filter(bad);
    assert.deepEqual(
      told.map(({ value, unit }) => [value, unit]),
      [[null, "Cel"]],
    );
    assert.match(told[0]?.reason ?? "", reason);
  });
}

test("a converter that is pulled out is reopened when it is back; another plugin does not notice", async () => {
  const { bank } = bankOf();
  await using port = await serveSerial(bank);
  await using served = await serveTcp(bank);
  const units = { a: { unit: 2, intervalMs: 20, registers: { flow: registers.flow } } };
  await using run = start(port, units);
  await using other = start(served, units);
  await run.samples(named("a/flow"));
  await port.unplug();
  await run.samples(named("a/online", false));
  await run.line(/ttyUSB0.*(is gone|can't be opened)/);
  await assert.rejects(run.command("a/flow", 1));
  await other.samples(named("a/flow"), { count: other.emitted.filter(named("a/flow")).length + 5 });
  await port.plug();
  await run.samples(named("a/online", true), { count: 2 });
  const before = run.emitted.filter(named("a/flow")).length;
  await run.samples(named("a/flow"), { count: before + 3 });
  assert.deepEqual(other.emitted.filter(named("a/online", false)), []);
});

test("a broadcast is written by command and has no health", async () => {
  const one = createMemory({ holding: { 7: 0 } });
  const two = createMemory({ holding: { 7: 0 } });
  await using served = await serveTunnel({ 1: one, 2: two });
  const units = { all: { unit: 0, registers: { level: { address: 7, access: "write" } } } };
  await using run = start(served, units, { turnaroundMs: 20 });
  assert.deepEqual(await run.command("all/level", 80), { value: 80 });
  assert.deepEqual([one.read("holding", 7), two.read("holding", 7)], [80, 80]);
  assert.deepEqual(run.emitted, []);
  const options = { ...served.options, units } as never;
  assert.deepEqual(
    driver.manifest.points(options).map(({ name }) => name),
    ["all/level"],
  );
});
