import assert from "node:assert/strict";
import { type Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { encodeRtu, isIntact } from "./rtu-frame.ts";
import { createMemory, ModbusSlave } from "./simulator-rtu.ts";

/** The other end of the line: what comes, and in how many heaps. */
class Master {
  readonly #stream: Duplex;
  #bytes: Buffer = Buffer.alloc(0);
  chunks = 0;
  #wake = Promise.withResolvers<void>();

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => {
      this.chunks++;
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  send(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  async take(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) await this.#wake.promise;
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }
}

function plug(slave: ModbusSlave): { master: Master; end: Duplex } {
  const [near, end] = duplexPair();
  slave.serve(end);
  return { master: new Master(near), end };
}

function line() {
  const slave = new ModbusSlave({
    1: createMemory({ holding: { 0: 2301, 1: 2302 }, coil: { 0: 1, 1: 0 } }),
    7: createMemory({ input: { 4: 77 }, holding: { 0: 700 }, discrete: { 0: 1 } }),
  });
  return { slave, ...plug(slave) };
}

const ask = (unit: number, ...pdu: number[]) => encodeRtu(unit, Uint8Array.from(pdu));
const readTwo = ask(1, 3, 0, 0, 0, 2);
/** The answer to it. */
const two = encodeRtu(1, Uint8Array.of(3, 4, 2301 >> 8, 2301 & 255, 2302 >> 8, 2302 & 255));

const hasGoodCrc = (frame: Buffer) => isIntact(frame, 0, frame.length);

test("functions 1 to 6, 15, 16 and exceptions, by unit", { timeout: 20_000 }, async () => {
  const { slave, master } = line();
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
  const { slave, master } = line();
  master.send(ask(9, 3, 0, 0, 0, 1));
  master.send(ask(0, 6, 0, 0, 0, 9));
  master.send(ask(1, 3, 0, 0, 0, 1));
  assert.deepEqual(await master.take(7), ask(1, 3, 2, 0, 9));
  master.send(ask(7, 3, 0, 0, 0, 1));
  assert.deepEqual(await master.take(7), ask(7, 3, 2, 0, 9));
  assert.deepEqual(
    slave.requests.map(({ unit }) => unit),
    [9, 0, 1, 7],
  );
});

test("requests in pieces, in one heap, behind noise and with a bad checksum", {
  timeout: 20_000,
}, async () => {
  const { slave, master } = line();
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
  const { slave, master } = line();
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
  assert.deepEqual(await master.take(two.length + 3), Buffer.concat([Buffer.of(0xff, 0, 0xaa), two]));
  master.send(readTwo);
  assert.deepEqual(await master.take(two.length + 1), Buffer.concat([two, Buffer.of(0xff)]));

  slave.misbehave("split", { times: 1, bytes: 4, gapMs: 1 });
  const earlier = master.chunks;
  await well();
  assert.equal(master.chunks - earlier, 2);

  slave.misbehave("noise", { times: 1, bytes: 2 });
  master.send(readTwo);
  const noise = Buffer.of(0xff, 0);
  assert.deepEqual(await master.take(two.length + 4), Buffer.concat([noise, two, noise]));

  slave.misbehave("exception");
  for (let i = 0; i < 3; i++) {
    master.send(ask(1, 6, 0, 0, 0, 0));
    assert.deepEqual(await master.take(5), ask(1, 0x86, 6));
  }
  // It was not written.
  slave.behave();
  await well();
  assert.deepEqual(
    slave.requests.flatMap(({ mode }) => mode ?? []),
    ["bad-crc", "bad-crc", "silence", "split", "late", "wrong-unit", "wrong-function", "truncated"].concat(
      ["noise-before", "noise-after", "split", "noise"],
      Array(3).fill("exception"),
    ),
  );
});

test("only one unit misbehaves", { timeout: 20_000 }, async () => {
  const { slave, master } = line();
  slave.misbehave("exception", { unit: 7, code: 4, times: 1 });
  master.send(readTwo);
  assert.deepEqual(await master.take(two.length), two);
  master.send(ask(7, 3, 0, 0, 0, 1));
  assert.deepEqual(await master.take(5), ask(7, 0x83, 4));
  assert.throws(() => slave.misbehave("silence", { times: 0 }), { code: "DEVICE_VALUE" });
});

test("a slave outlives its line: registers, faults and log are there on the next one", {
  timeout: 20_000,
}, async () => {
  const { slave, master, end } = line();
  master.send(ask(1, 6, 0, 0, 0, 42));
  await master.take(8);
  slave.misbehave("late", { times: 1, delayMs: 50 });
  slave.misbehave("exception", { times: 1, code: 4 });
  const lost = slave.nextRequest();
  master.send(readTwo);
  await lost;
  const closed = new Promise((resolve) => end.once("close", resolve));
  end.destroy();
  await closed;

  const next = plug(slave).master;
  // The answer that was under way ended with its line.
  await delay(100);
  assert.equal(next.chunks, 0);
  next.send(ask(1, 3, 0, 0, 0, 1));
  assert.deepEqual(await next.take(5), ask(1, 0x83, 4));
  next.send(ask(1, 3, 0, 0, 0, 1));
  assert.deepEqual(await next.take(7), ask(1, 3, 2, 0, 42));
  assert.equal(slave.requests.length, 4);
});

test("two lines at once; after close none is answered, and the streams are still open", {
  timeout: 20_000,
}, async () => {
  const { slave, master, end } = line();
  const second = plug(slave);
  for (const each of [master, second.master]) {
    each.send(readTwo);
    assert.deepEqual(await each.take(two.length), two);
  }
  slave.misbehave("late", { times: 1, delayMs: 20 });
  const last = slave.nextRequest();
  master.send(readTwo);
  await last;
  const before = master.chunks;
  slave.close();
  const heard = new Promise((resolve) => end.once("data", resolve));
  master.send(readTwo);
  await heard;
  await delay(50);
  assert.equal(master.chunks, before, "the late answer ended too");
  assert.equal(slave.requests.length, 3);
  assert.ok(end.writable && second.end.writable);
});

test("units come and go", { timeout: 20_000 }, async () => {
  const { slave, master } = line();
  slave.units.set(9, createMemory({ holding: { 0: 5 } }));
  master.send(ask(9, 3, 0, 0, 0, 1));
  assert.deepEqual(await master.take(7), ask(9, 3, 2, 0, 5));
  slave.units.delete(9);
  master.send(ask(9, 3, 0, 0, 0, 1));
  master.send(readTwo);
  assert.deepEqual(await master.take(two.length), two);
});

test("an answer that is late holds up its unit, not the others", { timeout: 20_000 }, async () => {
  const { slave, master } = line();
  slave.misbehave("late", { times: 1, delayMs: 50 });
  master.send(readTwo);
  master.send(ask(1, 1, 0, 0, 0, 2));
  master.send(ask(7, 3, 0, 0, 0, 1));
  const bytes = await master.take(7 + two.length + 6);
  assert.deepEqual(bytes, Buffer.concat([ask(7, 3, 2, 700 >> 8, 700 & 255), two, ask(1, 1, 1, 1)]));
});

test("a request is waited for, by what it is, until one loses patience", { timeout: 20_000 }, async () => {
  const { slave, master } = line();
  const startedMs = performance.now();
  const seventh = slave.nextRequest({ fits: ({ unit }) => unit === 7 });
  const impatient = new AbortController();
  const never = slave.nextRequest({ fits: () => false, signal: impatient.signal });
  // Noise is no request.
  master.send(Buffer.concat([Buffer.of(0xff), readTwo, ask(7, 4, 0, 4, 0, 1)]));
  const { table, address, count, functionCode, atMs, bytes } = await seventh;
  assert.deepEqual([table, address, count, functionCode], ["input", 4, 1, 4]);
  assert.deepEqual(bytes, Uint8Array.from(ask(7, 4, 0, 4, 0, 1)));
  assert.ok(atMs >= startedMs && atMs <= performance.now());
  impatient.abort(new Error("enough"));
  await assert.rejects(never, /enough/);
  assert.throws(() => slave.nextRequest({ signal: impatient.signal }), /enough/);
});

test("behaved is when the last bad answer is due, or by behave", { timeout: 20_000 }, async () => {
  const { slave, master } = line();
  await slave.behaved();
  slave.misbehave("exception", { times: 1 });
  slave.misbehave("silence", { times: 1 });
  let well = false;
  const behaved = slave.behaved().then(() => {
    well = true;
  });
  master.send(readTwo);
  await master.take(5);
  assert.ok(!well);
  master.send(readTwo);
  await behaved;
  slave.misbehave("silence");
  const again = slave.behaved();
  slave.behave();
  await again;
});
