import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { createMemory } from "../../../../drivers/modbus/simulator-answer.ts";
import { createScratch } from "../../../../runtime/test-scratch.ts";
import { serialPort } from "./attachment.ts";
import { encodeFrame, hasGoodCrc } from "./rtu.ts";

const scratch = createScratch();
const never = new AbortController();
const stops: (() => Promise<void>)[] = [];
after(async () => {
  for (const stop of stops) await stop();
});

/** QEMU's end of the line: what comes, with the time between. */
class Master {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  chunks = 0;
  #wake = Promise.withResolvers<void>();

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("data", (chunk: Buffer) => {
      this.chunks++;
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  async take(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) await this.#wake.promise;
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function line() {
  const port = serialPort({
    units: {
      1: createMemory({ holding: { 0: 2301, 1: 2302 }, coil: { 0: 1, 1: 0 } }),
      7: createMemory({ input: { 4: 77 }, holding: { 0: 700 }, discrete: { 0: 1 } }),
    },
  });
  const dir = await scratch();
  await port.beforeStart?.({ machine: "virt", dir, signal: never.signal });
  const master = new Master(join(dir, "rs485.sock"));
  stops.push(async () => {
    master.close();
    await port.stop();
  });
  return { slave: port.slave, master, port, dir };
}

const ask = (unit: number, ...pdu: number[]) => encodeFrame(unit, Uint8Array.from(pdu));
const readTwo = ask(1, 3, 0, 0, 0, 2);
/** The answer to it. */
const two = encodeFrame(1, Uint8Array.of(3, 4, 2301 >> 8, 2301 & 255, 2302 >> 8, 2302 & 255));

test("functions 1 to 6, 15, 16 and exceptions, by unit", { timeout: 20_000 }, async () => {
  const { slave, master } = await line();
  const exchanges: [request: Buffer, answer: Buffer][] = [
    [readTwo, two],
    [ask(1, 1, 0, 0, 0, 2), ask(1, 1, 1, 1)],
    [ask(7, 2, 0, 0, 0, 1), ask(7, 2, 1, 1)],
    [ask(7, 4, 0, 4, 0, 1), ask(7, 4, 2, 0, 77)],
    [ask(1, 5, 0, 1, 0xff, 0), ask(1, 5, 0, 1, 0xff, 0)],
    [ask(1, 6, 0, 1, 0x12, 0x34), ask(1, 6, 0, 1, 0x12, 0x34)],
    [ask(1, 15, 0, 0, 0, 2, 1, 0b10), ask(1, 15, 0, 0, 0, 2)],
    [ask(1, 16, 0, 0, 0, 2, 4, 0, 5, 0, 6), ask(1, 16, 0, 0, 0, 2)],
    [ask(1, 3, 0, 1, 0, 1), ask(1, 3, 2, 0, 6)],
    [ask(1, 3, 9, 9, 0, 1), ask(1, 0x83, 2)],
    // Nobody knows how long it is, so it ends with silence.
    [ask(1, 43, 14, 1, 0), ask(1, 0xab, 1)],
  ];
  for (const [request, reply] of exchanges) {
    master.send(request);
    assert.deepEqual(await master.take(reply.length), reply, request.toString("hex"));
  }
  assert.equal(slave.log().length, exchanges.length);
  assert.deepEqual(slave.log()[0]!.bytes, Uint8Array.from(readTwo));
});

test("who is not there is silent; a broadcast is done by all and answered by none", {
  timeout: 20_000,
}, async () => {
  const { slave, master } = await line();
  master.send(ask(9, 3, 0, 0, 0, 1));
  master.send(ask(0, 6, 0, 0, 0, 9));
  master.send(ask(1, 3, 0, 0, 0, 1));
  assert.deepEqual(await master.take(7), ask(1, 3, 2, 0, 9));
  master.send(ask(7, 3, 0, 0, 0, 1));
  assert.deepEqual(await master.take(7), ask(7, 3, 2, 0, 9));
  assert.deepEqual(
    slave.log().map(({ unit }) => unit),
    [9, 0, 1, 7],
  );
});

test("requests in pieces, in one heap, behind noise and with a bad checksum", {
  timeout: 20_000,
}, async () => {
  const { slave, master } = await line();
  for (const byte of readTwo) {
    master.send(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await master.take(two.length), two);
  master.send(Buffer.concat([readTwo, Buffer.of(0xff, 0x03, 0x00), readTwo]));
  assert.deepEqual(await master.take(two.length * 2), Buffer.concat([two, two]));
  const damaged = Buffer.from(readTwo);
  damaged[3]! ^= 1;
  master.send(damaged);
  const next = slave.nextRequest();
  master.send(readTwo);
  assert.deepEqual(await master.take(two.length), two);
  assert.equal((await next).unit, 1);
  assert.deepEqual(
    slave.log().map(({ kind }) => kind),
    ["request", "request", "noise", "request", "noise", "request"],
  );
});

test("each misbehaviour, and for how long", { timeout: 30_000 }, async () => {
  const { slave, master } = await line();
  const well = async (): Promise<void> => {
    master.send(readTwo);
    assert.deepEqual(await master.take(two.length), two);
  };

  slave.misbehave("bad-crc", { times: 2 });
  for (let i = 0; i < 2; i++) {
    master.send(readTwo);
    const frame = await master.take(two.length);
    assert.ok(!hasGoodCrc(frame));
    assert.deepEqual(frame.subarray(0, -2), two.subarray(0, -2));
  }
  await well();

  slave.misbehave("silence", { times: 1 });
  master.send(readTwo);
  await well();

  slave.misbehave("split", { times: 1, gapMs: 5 });
  const before = master.chunks;
  await well();
  assert.ok(master.chunks - before > 1, "one byte at a time");

  slave.misbehave("late", { times: 1, delayMs: 80 });
  const askedMs = performance.now();
  await well();
  assert.ok(performance.now() - askedMs >= 79);

  slave.misbehave("wrong-unit", { times: 1 });
  master.send(readTwo);
  const stranger = await master.take(two.length);
  assert.ok(hasGoodCrc(stranger) && stranger[0] !== 1);

  slave.misbehave("wrong-function", { times: 1 });
  master.send(readTwo);
  const other = await master.take(two.length);
  assert.ok(hasGoodCrc(other) && other[1] === 4);

  slave.misbehave("truncated", { times: 1, bytes: 5 });
  master.send(readTwo);
  assert.deepEqual(await master.take(5), two.subarray(0, 5));
  await well();

  slave.misbehave("noise-before", { times: 1 });
  slave.misbehave("noise-after", { times: 1, bytes: 1 });
  master.send(readTwo);
  assert.deepEqual(await master.take(two.length + 3), Buffer.concat([Buffer.alloc(3, 0xff), two]));
  master.send(readTwo);
  assert.deepEqual(await master.take(two.length + 1), Buffer.concat([two, Buffer.of(0xff)]));

  slave.misbehave("exception");
  for (let i = 0; i < 3; i++) {
    master.send(ask(1, 6, 0, 0, 0, 0));
    assert.deepEqual(await master.take(5), ask(1, 0x86, 6));
  }
  slave.behave();
  await well();
  assert.deepEqual(
    slave.log().flatMap(({ mode }) => mode ?? []),
    ["bad-crc", "bad-crc", "silence", "split", "late", "wrong-unit", "wrong-function", "truncated"].concat(
      ["noise-before", "noise-after"],
      Array(3).fill("exception"),
    ),
  );
});

test("only one unit misbehaves", { timeout: 20_000 }, async () => {
  const { slave, master } = await line();
  slave.misbehave("exception", { unit: 7, code: 4, times: 1 });
  master.send(readTwo);
  assert.deepEqual(await master.take(two.length), two);
  master.send(ask(7, 3, 0, 0, 0, 1));
  assert.deepEqual(await master.take(5), ask(7, 0x83, 4));
  assert.throws(() => slave.misbehave("silence", { times: 0 }), { code: "DEVICE_VALUE" });
});

test("the line is there again for the next QEMU, and the slave kept its registers", {
  timeout: 20_000,
}, async () => {
  const { master, port, dir } = await line();
  master.send(ask(1, 6, 0, 0, 0, 42));
  await master.take(8);
  master.close();
  await port.afterExit?.();
  await port.beforeStart?.({ machine: "virt", dir, signal: never.signal });
  const next = new Master(join(dir, "rs485.sock"));
  next.send(ask(1, 3, 0, 0, 0, 1));
  assert.deepEqual(await next.take(7), ask(1, 3, 2, 0, 42));
  next.close();
});
