import assert from "node:assert/strict";
import { test } from "node:test";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { emitHeader, laneHeader, type Refusal, refusalOf } from "../emit-wire.ts";
import { UmecError } from "../errors.ts";
import { startTestNode } from "../test-node.ts";
import type { NewRow } from "./types.ts";

const pack = JSON.stringify([{ n: "meter/voltage", u: "V", v: 230.5 }]);

function lines(fields: Record<string, string>): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(fields)) made.set(name, value);
  return made;
}

/** What a client in any language does: a request, and a look at the answer. */
async function send(
  plugin: NatsConnection,
  body: string | Uint8Array,
  { subject = "telemetry.meter", fields = {} as Record<string, string> } = {},
): Promise<Refusal | undefined> {
  return refusalOf(await plugin.request(subject, body, { timeout: 5000, headers: lines(fields) }));
}

test("a JSON pack from a plain client is on disk when the answer comes", async () => {
  await using node = await startTestNode();
  const ingest = await node.ingest("p1");
  assert.equal(await send(await node.connect("p1"), pack), undefined);
  assert.deepEqual(await node.stored(), [{ n: "meter/voltage", u: "V", v: 230.5 }]);
  const { packs, samples, bytes, pendingBytes, refused } = ingest.stats();
  assert.deepEqual(
    { packs, samples, bytes, pendingBytes, refused },
    { packs: 1, samples: 1, bytes: pack.length, pendingBytes: 0, refused: {} },
  );
});

test("the subject and the header choose the lane", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const plugin = await node.connect("p1");
  await send(plugin, '[{"n":"smoke","vb":true}]', { subject: "event.smoke" });
  await send(plugin, '[{"n":"log","vs":"x"}]', { fields: { [laneHeader]: "bulk" } });
  assert.deepEqual(await node.stored("alarm"), [{ n: "smoke", vb: true }]);
  assert.deepEqual(await node.stored("bulk"), [{ n: "log", vs: "x" }]);
  const refusal = await send(plugin, pack, { fields: { [laneHeader]: "fast" } });
  assert.deepEqual(refusal, { code: "EMIT_INVALID", text: '"fast" is no lane' });
});

test("a malformed pack is refused with the reason and counted, and the next is taken", async () => {
  await using node = await startTestNode();
  const ingest = await node.ingest("p1");
  const plugin = await node.connect("p1");
  const refusal = await send(plugin, '[{"n":"a b","v":1}]');
  assert.equal(refusal?.code, "SENML_INVALID");
  assert.match(refusal.text, /record 0: name "a b"/);
  assert.equal((await send(plugin, Buffer.from("ff00ff", "hex")))?.code, "SENML_INVALID");
  assert.equal(await send(plugin, pack), undefined);
  assert.deepEqual(ingest.stats().refused, { SENML_INVALID: 2 });
});

test("an emit that is sent again is stored once, at the same time or later", async () => {
  await using node = await startTestNode();
  const ingest = await node.ingest("p1");
  const plugin = await node.connect("p1");
  const again = { fields: { [emitHeader]: "s1-1" } };
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => send(plugin, pack, again))), [
    undefined,
    undefined,
    undefined,
  ]);
  assert.equal(await send(plugin, pack, again), undefined);
  assert.equal(await send(plugin, pack, { fields: { [emitHeader]: "s1-2" } }), undefined);
  assert.equal((await node.rows()).length, 2);
  assert.equal(ingest.stats().repeats, 3);
});

test("an emit that was refused is tried anew when it comes again", async () => {
  await using node = await startTestNode();
  let full = true;
  const append = async (row: NewRow): Promise<void> => {
    if (full) throw new UmecError("OUTBOX_FULL", "no room");
    await node.outbox.append(row);
  };
  await node.ingest("p1", { outbox: { append } });
  const plugin = await node.connect("p1");
  const again = { fields: { [emitHeader]: "s1-1" } };
  assert.deepEqual(await send(plugin, pack, again), { code: "OUTBOX_FULL", text: "no room" });
  full = false;
  assert.equal(await send(plugin, pack, again), undefined);
  assert.equal((await node.rows()).length, 1);
});

test("beyond its limits a plugin is refused and its neighbour is not", async () => {
  await using node = await startTestNode({ plugins: ["p1", "p2"] });
  const ingest = await node.ingest("p1", { limits: { samplesPerS: 1, bytesPerS: 1e6 } });
  await node.ingest("p2");
  const [flooder, neighbour] = [await node.connect("p1"), await node.connect("p2")];
  const answers = await Promise.all(Array.from({ length: 50 }, () => send(flooder, pack)));
  const taken = answers.filter((refusal) => refusal === undefined).length;
  assert.ok(taken >= 6 && taken < 20, `${taken} taken`);
  assert.equal(ingest.stats().refused.PLUGIN_FLOOD, 50 - taken);
  assert.equal(await send(neighbour, pack), undefined);
  ingest.setLimits({ samplesPerS: 1e6, bytesPerS: 1e6 });
  assert.equal(await send(flooder, pack), undefined);
});

test("a flood is known by what has come, and each of its packs is stored or counted as refused", async () => {
  await using node = await startTestNode();
  const sent = 5000;
  const counted = Promise.withResolvers<void>();
  let storedWhenTold: number | undefined;
  let refused = 0;
  const ingest = await node.ingest("p1", {
    // At once 1,200 go through, and 1,000 more are borne with.
    limits: { samplesPerS: 200, bytesPerS: 1e6 },
    onFlood(error) {
      storedWhenTold ??= ingest.stats().packs;
      assert.equal(error.code, "PLUGIN_FLOOD");
      return true;
    },
    onRefused(refusal) {
      assert.equal(refusal.code, "PLUGIN_FLOOD");
      refused++;
      counted.resolve();
    },
  });
  const plugin = await node.connect("p1");
  for (let n = 0; n < sent; n++) plugin.publish("telemetry.meter", pack);
  await plugin.flush();
  await counted.promise;
  await ingest.stop();
  assert.ok(storedWhenTold! < 1200, `${storedWhenTold} were stored before it was told`);
  const { packs } = ingest.stats();
  assert.equal(packs + refused, sent);
  assert.equal((await node.rows()).length, packs);
});

test("a burst within the limits is stored whole, though it takes many turns", async () => {
  await using node = await startTestNode();
  const ingest = await node.ingest("p1", { onFlood: () => assert.fail("it is no flood") });
  const plugin = await node.connect("p1");
  const count = 6000;
  for (let n = 1; n < count; n++) plugin.publish("telemetry.meter", pack);
  // Behind all others, and answered when they are on their way to the disk.
  assert.equal(await send(plugin, pack), undefined);
  await ingest.stop();
  const { packs, refused } = ingest.stats();
  assert.deepEqual([packs, refused], [count, {}]);
});

test("what waits for a slow disk is bounded, and stop answers it", async () => {
  await using node = await startTestNode();
  const disk = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<void>();
  let appends = 0;
  const append = async (row: NewRow): Promise<void> => {
    if (++appends === 2) waiting.resolve();
    await disk.promise;
    await node.outbox.append(row);
  };
  const ingest = await node.ingest("p1", { outbox: { append }, maxPendingBytes: 2 * pack.length });
  const plugin = await node.connect("p1");
  const answers = [1, 2, 3].map(() => send(plugin, pack));
  await waiting.promise;
  assert.equal((await answers[2])?.code, "EMIT_OVERLOADED");
  assert.equal(ingest.stats().pendingBytes, 2 * pack.length);
  const stopped = ingest.stop();
  disk.resolve();
  await stopped;
  assert.deepEqual(await Promise.all(answers.slice(0, 2)), [undefined, undefined]);
  assert.equal((await node.rows()).length, 2);
  await assert.rejects(plugin.request("telemetry.meter", pack), /no responders/);
});
