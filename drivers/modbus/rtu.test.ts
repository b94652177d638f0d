import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { isUmecError, type UmecError } from "../../runtime/plugin/sdk.ts";
import { type Client, type ClientOptions, createClient } from "./client.ts";
import { createMemoryLine, type MemoryLine } from "./memory-line.ts";
import { decodeRead, decodeWrite, encodeRead, encodeWriteRegisters } from "./pdu.ts";
import { type RtuOptions, rtu } from "./rtu.ts";
import { encodeRtu } from "./rtu-frame.ts";
import { createMemory, type Misbehaviour, type ModbusSlave, serveRtu } from "./simulator-rtu.ts";

/** Each register holds its address and its unit, so that a value says where it comes from. */
const held = (unit: number, address: number): number => (unit << 8) | address;
const memoryOf = (unit: number) =>
  createMemory({ holding: Object.fromEntries([0, 1, 2, 3].map((at) => [at, held(unit, at)])) });

interface World extends AsyncDisposable {
  line: MemoryLine;
  slave: ModbusSlave;
  client: Client;
  read(unit: number, address: number, how?: { urgent?: boolean }): Promise<number>;
}

function world(options: RtuOptions = {}, more: Partial<ClientOptions> = {}): World {
  const line = createMemoryLine();
  const slave = serveRtu(line.peer, { 1: memoryOf(1), 2: memoryOf(2), 3: memoryOf(3) });
  const client = createClient({
    open: line.open,
    exchange: rtu(options),
    timeoutMs: 100,
    backoff: { initialMs: 5, maxMs: 20 },
    ...more,
  });
  return {
    line,
    slave,
    client,
    async read(unit, address, how) {
      const pdu = encodeRead("holding", address, 1);
      return decodeRead(pdu, await client.request(unit, pdu, how)).readUInt16BE(0);
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      slave.close();
    },
  };
}
const code =
  (wanted: string, message = /./) =>
  (error: unknown): boolean =>
    isUmecError(error, wanted) && message.test((error as UmecError).message);

test("units on one line are read and written one request after the other", async () => {
  await using here = world();
  const values = await Promise.all([here.read(1, 0), here.read(2, 1), here.read(3, 2)]);
  assert.deepEqual(values, [held(1, 0), held(2, 1), held(3, 2)]);
  const write = encodeWriteRegisters(1, Buffer.from("beef", "hex"));
  decodeWrite(write, await here.client.request(2, write));
  assert.equal(await here.read(2, 1), 0xbeef);
});

for (const [mode, wrong] of [
  ["bad-crc", /wrong CRC/],
  ["truncated", /3 of its 7 bytes/],
  ["wrong-function", /function 4/],
] as const) {
  test(`${mode}: a read is sent again, and told as damage when that is no better`, async () => {
    await using here = world();
    here.slave.misbehave(mode, { times: 1 });
    assert.equal(await here.read(1, 2), held(1, 2));
    assert.equal(here.slave.requests.length, 2);
    here.slave.misbehave(mode, { times: 2 });
    await assert.rejects(here.read(1, 3), code("MODBUS_FRAME", wrong));
    assert.equal(await here.read(1, 1), held(1, 1));
  });
}

test("a write whose reply was damaged is not sent again", async () => {
  await using here = world();
  here.slave.misbehave("bad-crc", { times: 1 });
  const write = encodeWriteRegisters(1, Buffer.from("beef", "hex"));
  await assert.rejects(here.client.request(2, write), code("MODBUS_FRAME"));
  assert.equal(await here.read(2, 1), 0xbeef);
  assert.equal(here.slave.requests.filter(({ functionCode }) => functionCode === 6).length, 1);
});

for (const mode of ["silence", "wrong-unit"] as const) {
  test(`${mode} is a timeout, and is not asked again`, async () => {
    await using here = world();
    here.slave.misbehave(mode, { times: 1 });
    await assert.rejects(here.read(1, 0), code("MODBUS_TIMEOUT", mode === "silence" ? /ms$/ : /unit 84 did/));
    assert.equal(here.slave.requests.length, 1);
    assert.equal(await here.read(1, 1), held(1, 1));
  });
}

for (const [mode, options] of [
  ["split", { bytes: 3, gapMs: 60 }],
  ["split", { gapMs: 5 }],
  ["noise", { bytes: 9 }],
  ["noise-before", {}],
  ["noise-after", { bytes: 2 }],
] as const) {
  test(`${mode} ${JSON.stringify(options)} does no harm`, async () => {
    await using here = world();
    here.slave.misbehave(mode, { times: 3, ...options });
    for (const at of [0, 1, 2, 3]) assert.equal(await here.read(1, at), held(1, at));
    assert.equal(here.slave.requests.length, 4);
  });
}

test("an exception is a reply", async () => {
  await using here = world();
  here.slave.misbehave("exception", { times: 1, code: 6 });
  await assert.rejects(here.read(1, 0), code("MODBUS_EXCEPTION", /busy/));
});

test("a late reply is not taken for the next one's, and the others go on meanwhile", async () => {
  await using here = world({ lateMs: 400 });
  here.slave.misbehave("late", { times: 1, delayMs: 200 });
  await assert.rejects(here.read(1, 0), code("MODBUS_TIMEOUT"));
  const next = here.read(1, 3);
  const startedMs = performance.now();
  // Of the very same shape: only the time tells them apart.
  for (const at of [0, 1, 2]) assert.equal(await here.read(2, at), held(2, at));
  assert.equal(await next, held(1, 3));
  assert.deepEqual(
    here.slave.requests.map(({ unit }) => unit),
    [1, 2, 2, 2, 1],
  );
  assert.equal(here.client.strays, 1);
  // The late reply ends the wait, not the clock.
  assert.ok(performance.now() - startedMs < 390);
});

test("a reply that is owed across a new connection is not taken either", async () => {
  await using here = world({ lateMs: 300 });
  here.slave.misbehave("late", { times: 1, delayMs: 150 });
  const lost = assert.rejects(here.read(1, 0), code("MODBUS_DISCONNECTED"));
  await here.slave.nextRequest();
  here.line.unplug();
  here.line.plug();
  await lost;
  let value: number | undefined;
  // Between two attempts to open the line requests fail at once.
  while (value === undefined) value = await here.read(1, 3).catch(() => delay(5, undefined));
  assert.equal(value, held(1, 3));
});

test("urgent requests go first, and a unit that owes a reply does not hold up the line", async () => {
  await using here = world({ lateMs: 150 });
  await here.read(1, 0);
  here.slave.misbehave("silence", { unit: 1, times: 1 });
  const silent = assert.rejects(here.read(1, 0), code("MODBUS_TIMEOUT"));
  const rest = [here.read(1, 1), here.read(2, 1), here.read(3, 1), here.read(2, 2, { urgent: true })];
  await Promise.all([silent, ...rest]);
  assert.deepEqual(
    here.slave.requests.slice(1).map(({ unit, address }) => `${unit}/${address}`),
    ["2/2", "1/0", "2/1", "3/1", "1/1"],
  );
});

test("before each request the line was quiet for silenceMs", async () => {
  const silenceMs = 40;
  await using here = world({ silenceMs });
  let lastMs = 0;
  const pauses: number[] = [];
  here.line.peer.prependListener("data", () => {
    pauses.push(performance.now() - lastMs);
  });
  const write = here.line.peer.write.bind(here.line.peer) as (bytes: Buffer) => boolean;
  here.line.peer.write = ((bytes: Buffer) => {
    lastMs = performance.now();
    return write(bytes);
  }) as typeof here.line.peer.write;
  for (const unit of [1, 2, 3]) await here.read(unit, 0);
  assert.equal(pauses.length, 3);
  for (const pause of pauses.slice(1)) assert.ok(pause >= silenceMs - 1, `${pause} ms`);
});

test("a request waits until noise has ended", async () => {
  await using here = world({}, { timeoutMs: 1000 });
  await here.read(1, 0);
  let noisyAtMs = 0;
  const noise = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      here.line.peer.write(Buffer.of(0xaa));
      noisyAtMs = performance.now();
      await delay(5);
    }
  };
  const ended = noise();
  await delay(10);
  const quietMs = here.slave.nextRequest().then(() => performance.now() - noisyAtMs);
  assert.equal(await here.read(1, 1), held(1, 1));
  assert.ok((await quietMs) >= 30);
  await ended;
});

test("a line that is never quiet is opened again, and requests fail until it is", async (t) => {
  await using here = world({ babbleMs: 200 });
  assert.equal(await here.read(1, 0), held(1, 0));
  const babble = setInterval(() => here.line.peer.write(Buffer.of(0xaa)), 5);
  t.after(() => clearInterval(babble));
  await delay(20);
  // The second connection hears nothing that is Modbus, and so there is a wait before the third.
  await assert.rejects(here.read(1, 1), code("MODBUS_DISCONNECTED", /without a pause/));
  assert.ok(here.line.opened >= 2);
  assert.equal(here.slave.requests.length, 1);
  clearInterval(babble);
  while (!here.client.connected) await delay(2);
  assert.equal(await here.read(1, 2), held(1, 2));
});

test("a broadcast is done by all, answered by nobody, and followed by a rest", async () => {
  await using here = world({ turnaroundMs: 80 });
  const write = encodeWriteRegisters(1, Buffer.from("beef", "hex"));
  const startedMs = performance.now();
  decodeWrite(write, await here.client.request(0, write));
  assert.ok(performance.now() - startedMs >= 79);
  for (const unit of [1, 2, 3]) assert.equal(await here.read(unit, 1), 0xbeef);
});

test("the time for a reply grows with the time that it takes on the line", async () => {
  // 8 + 7 characters of 20 ms, and 100 ms to think.
  await using here = world({ characterMs: 20 });
  here.slave.misbehave("late", { times: 1, delayMs: 250 });
  assert.equal(await here.read(1, 0), held(1, 0));
  assert.equal(here.slave.requests.length, 1);
});

test("a line that vanishes is opened again, with longer and longer waits, and works again", async () => {
  await using here = world();
  assert.equal(await here.read(1, 0), held(1, 0));
  here.line.unplug();
  const before = here.line.opened;
  while (here.line.opened < before + 3) await delay(2);
  await assert.rejects(here.read(1, 0), code("MODBUS_DISCONNECTED", /not plugged in/));
  here.line.plug();
  while (!here.client.connected) await delay(2);
  assert.equal(await here.read(1, 1), held(1, 1));
});

test("a reply's look-alike inside a longer one is not found while that one can still come whole", async () => {
  const inner = encodeRtu(1, Buffer.from("0302dead", "hex"));
  const memory = createMemory();
  memory.setBytes("holding", 0, Buffer.concat([inner, Buffer.alloc(1)]));
  await using here = world();
  here.slave.close();
  using slave = serveRtu(here.line.peer, { 1: memory });
  slave.misbehave("split", { gapMs: 5 });
  const pdu = encodeRead("holding", 0, 4);
  const data = decodeRead(pdu, await here.client.request(1, pdu));
  assert.equal(data.toString("hex"), `${inner.toString("hex")}00`);
});

test("whatever goes wrong, in whatever order: each value is the right one or none", async () => {
  const modes: (Misbehaviour | undefined)[] = [
    "bad-crc",
    "silence",
    "split",
    "late",
    "wrong-unit",
    "wrong-function",
    "truncated",
    "noise",
    "noise-before",
    "noise-after",
    "exception",
    undefined,
  ];
  const step = fc.record({
    mode: fc.constantFrom(...modes),
    unit: fc.integer({ min: 1, max: 3 }),
    address: fc.integer({ min: 0, max: 3 }),
    together: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 10 }), async (steps) => {
      // Late replies come 15 to 25 ms after the timeout, well within lateMs.
      await using here = world({ lateMs: 100 }, { timeoutMs: 40 });
      const reads: Promise<void>[] = [];
      for (const { mode, unit, address, together } of steps) {
        if (mode) here.slave.misbehave(mode, { times: 1, unit, delayMs: 60, gapMs: 2 });
        const read = here.read(unit, address).then(
          (value) => assert.equal(value, held(unit, address)),
          (error) => assert.match(error.code, /^MODBUS_(TIMEOUT|FRAME|EXCEPTION)$/),
        );
        reads.push(read);
        if (!together) await read;
      }
      await Promise.all(reads);
      here.slave.behave();
      for (const unit of [1, 2, 3]) assert.equal(await here.read(unit, 2), held(unit, 2));
    }),
    { numRuns: 15 },
  );
});
