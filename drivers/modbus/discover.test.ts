import assert from "node:assert/strict";
import { test } from "node:test";
import type { Found } from "../../runtime/plugin/sdk.ts";
import { type LogLine, recordingLog, startDriver } from "../../runtime/plugin/testkit.ts";
import { discover, type Openers } from "./discover.ts";
import { driver } from "./driver.ts";
import { startForeignPeer } from "./fixtures/foreign-peer.ts";
import { createMemoryLine } from "./memory-line.ts";
import type { SerialFormat } from "./serial-timing.ts";
import { startSimulator } from "./simulator.ts";
import { createMemory, serveRtu } from "./simulator-rtu.ts";

interface Outcome {
  found: Found[];
  lines: LogLine[];
}

async function look(at: string, openers?: Openers, signal = new AbortController().signal): Promise<Outcome> {
  const lines: LogLine[] = [];
  const log = recordingLog((line) => void lines.push(line));
  const found = await Array.fromAsync(discover({ at, log, signal }, openers));
  return { found, lines };
}

/** A line on which units answer at one setting and say nothing at the others. */
function lineAt(right: string) {
  const slave = serveRtu(createMemoryLine().peer, {});
  const tried: string[] = [];
  const openers: Openers = {
    tcp: () => assert.fail("no network is asked for"),
    serial({ baudRate, parity, stopBits }: SerialFormat) {
      const setting = `${baudRate} ${parity} ${stopBits}`;
      tried.push(setting);
      const line = createMemoryLine();
      if (setting === right) slave.serve(line.peer);
      return line.open;
    },
  };
  return { slave, tried, openers };
}

test("units are found at the setting where they answer, with options that run, and nothing is written", async () => {
  const { slave, tried, openers } = lineAt("19200 even 1");
  slave.units.set(3, createMemory({ holding: { 0: 215 } }));
  slave.units.set(12, createMemory({ input: { 1: 250 } }));
  const { found, lines } = await look("/dev/ttyUSB0?units=1-14&timeoutMs=5", openers);
  assert.deepEqual(tried, ["9600 none 1", "9600 even 1", "19200 even 1"]);
  const way = { transport: "serial", path: "/dev/ttyUSB0", baudRate: 19_200, parity: "even", stopBits: 1 };
  assert.deepEqual(
    found.map(({ plugin }) => plugin),
    [
      {
        name: "modbus-ttyusb0",
        options: {
          ...way,
          units: { "unit-3": { unit: 3, registers: { "holding-0": { table: "holding", address: 0 } } } },
        },
      },
      {
        name: "modbus-ttyusb0",
        options: {
          ...way,
          units: { "unit-12": { unit: 12, registers: { "input-1": { table: "input", address: 1 } } } },
        },
      },
    ],
  );
  assert.match(found[0]!.summary, /^\/dev\/ttyUSB0 19200 8E1 unit 3: /);
  assert.deepEqual(
    slave.requests.filter(({ functionCode }) => ![3, 4, 17, 43].includes(functionCode)),
    [],
  );
  // All units of the line were asked, once the setting was known.
  assert.deepEqual(
    new Set(slave.requests.map(({ unit }) => unit)),
    new Set(Array.from({ length: 14 }, (_, i) => i + 1)),
  );
  assert.match(lines[0]!.message, /9600 8N1: asking 8 units, up to \d+ s/);
});

test("where none of the likely units answers the others are asked at each setting", async () => {
  const { slave, tried, openers } = lineAt("9600 even 1");
  slave.units.set(20, createMemory({ holding: { 0: 1 } }));
  const { found } = await look("/dev/ttyUSB0?lines=9600-8N1,9600-8E1&units=1-20&timeoutMs=5", openers);
  assert.match(found[0]!.summary, /9600 8E1 unit 20/);
  assert.equal(tried.length, 4);
});

test("what a unit refuses or garbles is told from silence", async () => {
  const { slave, openers } = lineAt("9600 none 1");
  slave.units.set(1, createMemory({}));
  slave.units.set(2, createMemory({ holding: { 0: 1 } }));
  slave.misbehave("bad-crc", { unit: 2, times: 2 });
  const { found } = await look("/dev/ttyUSB0?lines=9600-8N1&units=1-3&timeoutMs=20", openers);
  assert.equal(found.length, 1);
  assert.match(found[0]!.summary, /unit 1: .*none of its first registers can be read/);
  assert.equal(found[0]!.plugin, undefined);
});

test("a foreign server says what it is, over TCP and over a serial line", async () => {
  const units = { 1: { holding: { 0: 7 } }, 5: { input: { 0: 1, 1: 2 } } };
  for (const transport of ["tcp", "rtu"] as const) {
    await using peer = await startForeignPeer({ transport, units });
    const at =
      transport === "tcp"
        ? `tcp://127.0.0.1:${peer.at}?units=1,4,5&timeoutMs=300`
        : `${peer.at}?units=1,4,5&lines=19200-8N1&timeoutMs=300`;
    const { found } = await look(at);
    assert.equal(found.length, 2, JSON.stringify(found));
    assert.match(found[0]!.summary, /unit 1: Peers PM-1 1\.2$/);
    assert.match(found[1]!.summary, /unit 5: Peers PM-1 1\.2$/);
    await using run = startDriver(driver, found[0]!.plugin!.options);
    const [sample] = await run.samples(({ name }) => name === "unit-1/holding-0", { timeoutMs: 20_000 });
    assert.equal(sample?.value, 7);
  }
});

test("a server that answers for every unit is told once", async () => {
  const memory = createMemory({ holding: { 0: 1 } });
  const all = Object.fromEntries(Array.from({ length: 247 }, (_, i) => [i + 1, memory]));
  await using simulator = await startSimulator({ units: all });
  const { found, lines } = await look(`tcp://127.0.0.1:${simulator.port}`);
  assert.equal(found.length, 1);
  assert.match(found[0]!.summary, /unit 1: /);
  assert.ok(lines.some(({ message }) => /answers for every unit/.test(message)));
});

test("a gateway's word that nobody answered is no answer", async () => {
  await using simulator = await startSimulator({ units: { 2: createMemory({ holding: { 0: 1 } }) } });
  simulator.script(({ unit }) => (unit === 2 ? undefined : { kind: "exception", code: 11 }));
  const { found } = await look(`tcp://127.0.0.1:${simulator.port}?units=1-4`);
  assert.equal(found.length, 1);
});

test("a search can be given up, and a line that can't be opened is told", async () => {
  const { slave, openers } = lineAt("9600 none 1");
  const gone = new AbortController();
  const [asked, waiting] = [slave.nextRequest(), look("/dev/ttyUSB0?timeoutMs=60000", openers, gone.signal)];
  await asked;
  gone.abort(new Error("given up"));
  await assert.rejects(waiting, /given up/);
  await assert.rejects(look("/dev/does-not-exist"), { code: "MODBUS_DISCONNECTED" });
});

test("without a place it only says where to look", async () => {
  const lines: LogLine[] = [];
  const log = recordingLog((line) => void lines.push(line));
  const found = await Array.fromAsync(driver.discover!({ log, signal: new AbortController().signal }));
  assert.deepEqual(found, []);
  assert.match(lines[0]!.message, /--at/);
});

test("a place that is none is refused with the part that is wrong", async () => {
  for (const [at, reason] of [
    ["COM1", /COM1 is neither/],
    ["tcp://", /neither/],
    ["tcp://h:0", /port: 0 is not/],
    ["/dev/ttyUSB0?baud=9600", /baud is no setting/],
    ["/dev/ttyUSB0?lines=9600", /9600 is no line setting/],
    ["/dev/ttyUSB0?units=0", /units: 0 is not/],
    ["/dev/ttyUSB0?units=9-3", /units: 3 is not/],
    ["/dev/ttyUSB0?functions=3,6", /only 3, 4, 17 and 43/],
    ["tcp://h?lines=9600-8N1", /serial ports alone/],
  ] as const) {
    await assert.rejects(look(at), (error: Error & { code?: string }) => {
      assert.equal(error.code, "MODBUS_PLACE");
      assert.match(error.message, reason);
      return true;
    });
  }
});
