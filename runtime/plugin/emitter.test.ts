import assert from "node:assert/strict";
import { test } from "node:test";
import type { NatsConnection } from "@nats-io/transport-node";
import { emitHeader } from "../emit-wire.ts";
import { isUmecError, UmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import type { NewRow } from "../outbox/types.ts";
import { startTestNode, testClock, wideLimits } from "../test-node.ts";
import type { Sample } from "./contract.ts";
import { createEmitter, type Emitter, type EmitterOptions } from "./emitter.ts";

interface Bench {
  emitter: Emitter;
  controller: AbortController;
  told: { emitted: number; stored: number; refused: number; floods: string[] };
}

function bench(connection: NatsConnection, options: Partial<EmitterOptions> = {}): Bench {
  const controller = new AbortController();
  const told: Bench["told"] = { emitted: 0, stored: 0, refused: 0, floods: [] };
  const emitter = createEmitter({
    connection,
    clock: testClock,
    log: silentLog,
    limits: wideLimits,
    signal: controller.signal,
    timeoutMs: 200,
    observer: {
      emitted: (samples) => {
        told.emitted += samples;
      },
      stored: (samples) => {
        told.stored += samples.length;
      },
      refused: (samples) => {
        told.refused += samples;
      },
      flooded: ({ code }) => told.floods.push(code),
    },
    ...options,
  });
  return { emitter, controller, told };
}

const one: Sample[] = [{ name: "meter/voltage", value: 230.5, unit: "V" }];
const coded = (code: string) => (error: unknown) => isUmecError(error, code);

test("when emit resolves the samples are in the outbox, each in its lane", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const { emitter, told } = bench(await node.connect("p1"));
  await emitter.emit([...one, { name: "door/open", value: true }]);
  assert.deepEqual(await node.stored(), [
    { n: "meter/voltage", u: "V", v: 230.5 },
    { n: "door/open", vb: true },
  ]);
  await emitter.emit(one, { lane: "alarm" });
  await emitter.emit(one, { lane: "bulk" });
  assert.equal((await node.stored("alarm")).length, 1);
  assert.equal((await node.stored("bulk")).length, 1);
  assert.deepEqual(told, { emitted: 4, stored: 4, refused: 0, floods: [] });
});

test("a sample's own time is kept, and one without has the time of its arrival", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const { emitter } = bench(await node.connect("p1"));
  const before = Date.now();
  await emitter.emit([{ name: "a/then", value: 1, timeMs: 1_700_000_000_250 }, ...one]);
  const times = new Map((await node.rows()).map((row) => [node.records(row)[0]!.n, row.timeMs!]));
  assert.equal(times.get("a/then"), 1_700_000_000_250);
  const now = times.get("meter/voltage")!;
  assert.ok(now >= before - 100 && now <= Date.now() + 100);
});

test("what can't be stored is refused before anything is sent", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const { emitter, told } = bench(await node.connect("p1"));
  await assert.rejects(
    emitter.emit([...one, { name: "bad name", value: 1 }]),
    (error) => isUmecError(error, "EMIT_INVALID") && /sample 1: "bad name"/.test(error.message),
  );
  assert.deepEqual(await node.rows(), []);
  assert.deepEqual(told, { emitted: 2, stored: 0, refused: 2, floods: [] });
});

test("while the outbox is down an emit waits, and then it is stored with the time of the emit", async () => {
  await using node = await startTestNode();
  const { emitter } = bench(await node.connect("p1"));
  const beforeMs = Date.now();
  const emitted = emitter.emit(one);
  assert.equal(await Promise.race([emitted.then(() => "stored"), outlive(600)]), "waits");
  await node.ingest("p1");
  await emitted;
  const [row, ...more] = await node.rows();
  assert.deepEqual(more, []);
  const timeMs = row!.timeMs! + 1000 * (node.records(row!)[0]!.t ?? 0);
  assert.ok(Math.abs(timeMs - beforeMs) < 200, `${timeMs - beforeMs} ms off`);
});

function outlive(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(resolve, ms, "waits"));
}

test("when an answer is lost the same emit is sent again and stored once", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const connection = await node.connect("p1");
  const ids: string[] = [];
  let lost = 0;
  const lossy = new Proxy(connection, {
    get(target, key) {
      if (key === "request")
        return async (...args: Parameters<NatsConnection["request"]>) => {
          ids.push(args[2]!.headers!.get(emitHeader));
          const answer = await target.request(...args);
          if (++lost <= 2) throw new Error("timeout");
          return answer;
        };
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const { emitter } = bench(lossy);
  await emitter.emit(one);
  await emitter.emit(one);
  // On a busy machine one more may be late.
  assert.ok(ids.length >= 4, `${ids.length}`);
  assert.equal(new Set(ids).size, 2);
  assert.equal((await node.rows()).length, 2);
});

test("an emit survives a new start of the bus", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const { emitter, told } = bench(await node.connect("p1"));
  await emitter.emit(one);
  const link = { urls: ["nats-leaf://127.0.0.1:9"], reconnectMs: 60_000 };
  // Another waiting time of the link costs the bus a new start.
  let over = false;
  const restarted = node.bus.setLink(link).finally(() => {
    over = true;
  });
  let emits = 1;
  for (; !over; emits++) await emitter.emit(one);
  await restarted;
  await emitter.emit(one);
  assert.equal((await node.rows()).length, emits + 1);
  assert.equal(told.stored, emits + 1);
});

test("a full outbox is waited out, for a time", async () => {
  await using node = await startTestNode();
  let refusals = 2;
  const append = async (row: NewRow): Promise<void> => {
    if (refusals-- > 0) throw new UmecError("OUTBOX_FULL", "no room");
    await node.outbox.append(row);
  };
  await node.ingest("p1", { outbox: { append } });
  const { emitter } = bench(await node.connect("p1"), { refusedMs: 50 });
  refusals = 1;
  await emitter.emit(one);
  refusals = Number.POSITIVE_INFINITY;
  await assert.rejects(
    emitter.emit(one),
    (error) => isUmecError(error, "EMIT_REFUSED") && /no room/.test(error.message),
  );
});

test("either signal ends the wait with its reason; later emits of the plugin are refused", async () => {
  await using node = await startTestNode();
  const { emitter, controller, told } = bench(await node.connect("p1"));
  const mine = new AbortController();
  const first = emitter.emit(one, { signal: mine.signal });
  const second = emitter.emit(one);
  mine.abort(new UmecError("TEST_MINE", "enough"));
  await assert.rejects(first, coded("TEST_MINE"));
  controller.abort(new UmecError("TEST_PLUGIN", "stop"));
  await assert.rejects(second, coded("TEST_PLUGIN"));
  await assert.rejects(emitter.emit(one), coded("EMIT_REFUSED"));
  assert.deepEqual(told, { emitted: 3, stored: 0, refused: 3, floods: [] });
});

test("what is under way is bounded", async () => {
  await using node = await startTestNode();
  const { emitter, controller } = bench(await node.connect("p1"), { maxInFlightBytes: 1000 });
  const large: Sample[] = [{ name: "a", value: "x".repeat(700) }];
  const first = emitter.emit(large);
  await assert.rejects(emitter.emit(large), coded("EMIT_OVERLOADED"));
  await assert.rejects(emitter.emit([...large, ...large]), coded("EMIT_INVALID"));
  await node.ingest("p1");
  await first;
  await emitter.emit(large);
  controller.abort();
});

test("a flood is refused and told, until the limits are wider", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  let nowMs = 0;
  const { emitter, told } = bench(await node.connect("p1"), {
    clock: { ...testClock, monotonicMs: () => nowMs },
    limits: { samplesPerS: 1, bytesPerS: 1e6 },
  });
  const emits = await Promise.allSettled(Array.from({ length: 8 }, () => emitter.emit(one)));
  assert.equal(emits.filter(({ status }) => status === "fulfilled").length, 5);
  assert.deepEqual(told.floods, ["PLUGIN_FLOOD", "PLUGIN_FLOOD", "PLUGIN_FLOOD"]);
  emitter.setLimits(wideLimits);
  nowMs = 1;
  await emitter.emit(one);
});

test("a pile that an outage left is no flood", async () => {
  await using node = await startTestNode();
  const { emitter, told } = bench(await node.connect("p1"), { timeoutMs: 2000 });
  const emits = Array.from({ length: 30 }, () => emitter.emit(one));
  // The outbox allows 6 at once and 24 a second.
  await node.ingest("p1", { limits: { samplesPerS: 20, bytesPerS: 1e6 } });
  await Promise.all(emits);
  assert.equal(told.stored, 30);
  assert.equal((await node.rows()).length, 30);
});

test("refusals take a turn of the event loop, so a stubborn driver starves nobody", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const { emitter } = bench(await node.connect("p1"));
  let over = false;
  setTimeout(() => {
    over = true;
  }, 20);
  while (!over) {
    await emitter.emit([{ name: "bad name", value: 1 }]).catch(() => {});
    await emitter.emit([]);
  }
});
