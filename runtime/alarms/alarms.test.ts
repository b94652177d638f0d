import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { LiveAlarms } from "../node-alarms.ts";
import type { NewRow } from "../outbox/types.ts";
import { recordingLog } from "../plugin/testkit.ts";
import { decodeCbor } from "../senml/cbor.ts";
import { decodePack } from "../senml/pack.ts";
import type { SenmlRecord } from "../senml/record.ts";
import { startTestNode, testClock } from "../test-node.ts";
import { createScratch } from "../test-scratch.ts";
import { Alarms } from "./alarms.ts";
import type { AlarmTarget } from "./types.ts";

const scratch = createScratch();

const hot: AlarmTarget = {
  name: "hot",
  plugin: "p1",
  point: "room/temperature",
  condition: { kind: "above", limit: 30, hysteresis: 0 },
  holdMs: 0,
  clearHoldMs: 0,
  severity: "critical",
};
const silent: AlarmTarget = {
  ...hot,
  name: "silent",
  condition: { kind: "quality", quality: "bad" },
  severity: "info",
};

/** An outbox that keeps rows in memory, and refuses them while it is told to. */
function memoryOutbox() {
  const records: SenmlRecord[][] = [];
  const second = Promise.withResolvers<void>();
  return {
    records,
    /** Resolves when two rows are there. */
    second: second.promise,
    failing: false,
    async append({ plugin, lane, samples, records: bytes }: NewRow): Promise<void> {
      if (this.failing) throw new Error("disk full");
      assert.deepEqual([plugin, lane], ["alarms", "alarm"]);
      records.push(decodeCbor(Buffer.concat([Buffer.of(0x80 + samples), bytes])));
      if (records.length === 2) second.resolve();
    },
  };
}

const temperature = (v: number): SenmlRecord => ({ n: "room/temperature", u: "Cel", v });
const raisedAt = (v: number): SenmlRecord[] => [
  { n: "hot", vb: true },
  { n: "hot/value", u: "Cel", v },
  { n: "hot/severity", vs: "critical" },
];

async function open(path: string, outbox = memoryOutbox(), lines: string[] = []) {
  const log = recordingLog(({ level, message }) => lines.push(`${level}: ${message}`));
  const alarms = await Alarms.open({ path, outbox, clock: testClock, log });
  const watch = alarms.watch("p1");
  return { alarms, watch, outbox, lines };
}

test("raised and cleared are told with the sample and the severity, and what is not watched is not looked at", async () => {
  const { alarms, watch, outbox, lines } = await open(join(await scratch(), "alarms.json"));
  alarms.set([hot, silent]);
  assert.deepEqual(["room/temperature", "room/humidity"].map(watch.wants), [true, false]);
  assert.equal(alarms.watch("p2").wants("room/temperature"), false);
  watch.accepted([temperature(20), temperature(31), temperature(32)]);
  watch.accepted([{ n: "room/temperature", vs: "", "umec:quality": "bad", "umec:reason": "no answer" }]);
  watch.accepted([temperature(25)]);
  assert.deepEqual(
    alarms.status().map(({ name, state }) => [name, state]),
    [
      ["hot", "clear"],
      ["silent", "clear"],
    ],
  );
  await alarms.stop();
  assert.deepEqual(outbox.records, [
    raisedAt(31),
    [
      { n: "silent", vb: true },
      { n: "silent/value", vs: "", "umec:quality": "bad", "umec:reason": "no answer" },
      { n: "silent/severity", vs: "info" },
    ],
    [
      { n: "hot", vb: false },
      { n: "hot/value", u: "Cel", v: 25 },
      { n: "hot/severity", vs: "critical" },
    ],
    [
      { n: "silent", vb: false },
      { n: "silent/value", u: "Cel", v: 25 },
      { n: "silent/severity", vs: "info" },
    ],
  ]);
  assert.deepEqual(lines.slice(0, 2), ["warn: alarm hot raised: 31", "warn: alarm silent raised: null"]);
});

test("over a restart a raised alarm stays so: it is not told again, and its end is", async () => {
  const path = join(await scratch(), "alarms.json");
  const before = await open(path);
  before.alarms.set([hot]);
  before.watch.accepted([temperature(31)]);
  await before.alarms.stop();

  const after = await open(path);
  after.alarms.set([hot]);
  assert.equal(after.alarms.status()[0]?.state, "raised");
  after.watch.accepted([temperature(33)]);
  after.watch.accepted([temperature(20)]);
  await after.alarms.stop();
  assert.deepEqual(
    after.outbox.records.map(([first]) => first),
    [{ n: "hot", vb: false }],
  );

  const last = await open(path);
  last.alarms.set([hot]);
  assert.equal(last.alarms.status()[0]?.state, "clear");
});

test("what the target state changes: an alarm that goes is cleared, one that changes keeps its state", async () => {
  const path = join(await scratch(), "alarms.json");
  const { alarms, watch, outbox } = await open(path);
  alarms.set([hot, silent]);
  watch.accepted([temperature(31)]);
  alarms.set([{ ...hot, severity: "info" }]);
  assert.deepEqual(
    alarms.status().map(({ name, state, severity }) => [name, state, severity]),
    [["hot", "raised", "info"]],
  );
  alarms.set([]);
  await alarms.stop();
  assert.deepEqual(outbox.records, [raisedAt(31), [{ n: "hot", vb: false }]]);

  await writeFile(path, '{"raised":["gone"]}');
  const after = await open(path);
  after.alarms.set([hot]);
  await after.alarms.stop();
  assert.deepEqual(after.outbox.records, [[{ n: "gone", vb: false }]]);
});

test("alarms that are the same in a new target state go on, hold time and all", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { alarms, watch } = await open(join(await scratch(), "alarms.json"));
  const slow = { ...hot, holdMs: 1000 };
  alarms.set([slow]);
  watch.accepted([temperature(31)]);
  t.mock.timers.tick(900);
  alarms.set([structuredClone(slow), silent]);
  t.mock.timers.tick(100);
  assert.equal(alarms.status()[0]?.state, "raised");
  await alarms.stop();
});

test("a file that can't be used is told, and counts as none", async () => {
  const path = join(await scratch(), "alarms.json");
  await writeFile(path, "{ half");
  const { alarms, lines } = await open(path);
  assert.match(lines[0] ?? "", /^error: .*alarms\.json can't be used, alarms may be raised once more/);
  await alarms.stop();
});

test("what the disk refuses is told once it takes it again, in order, and remembered only then", async (t) => {
  const path = join(await scratch(), "alarms.json");
  const outbox = memoryOutbox();
  const refused = Promise.withResolvers<void>();
  const log = recordingLog(({ message }) => {
    if (/disk full/.test(message)) refused.resolve();
  });
  const alarms = await Alarms.open({ path, outbox, clock: testClock, log });
  t.after(() => alarms.stop());
  alarms.set([hot]);
  outbox.failing = true;
  alarms.watch("p1").accepted([temperature(31)]);
  await refused.promise;
  await assert.rejects(readFile(path), { code: "ENOENT" });
  outbox.failing = false;
  alarms.watch("p1").accepted([temperature(20)]);
  await outbox.second;
  assert.deepEqual(
    outbox.records.map(([first]) => first?.vb),
    [true, false],
  );
});

test("samples of any plugin on the bus are judged once they are on disk, each once, however often they are sent", async () => {
  await using node = await startTestNode();
  const path = join(await scratch(), "alarms.json");
  const alarms = await Alarms.open({
    path,
    outbox: node.outbox,
    clock: testClock,
    log: recordingLog(() => {}),
  });
  alarms.set([{ ...hot, clearHoldMs: 0 }]);
  await node.ingest("p1", { watch: alarms.watch("p1") });
  const foreign = await node.connect("p1");
  const { headers } = await import("@nats-io/nats-core");
  const send = async (v: number, id: string): Promise<void> => {
    const lines = headers();
    lines.set("Umec-Emit", id);
    const pack = JSON.stringify([{ bn: "room/", n: "temperature", u: "Cel", v }]);
    const answer = await foreign.request("telemetry.room", pack, { headers: lines, timeout: 5000 });
    assert.equal(answer.headers?.get("Umec-Error") || undefined, undefined);
  };
  await send(31, "s-1");
  await send(20, "s-2");
  await send(31, "s-1");
  await alarms.stop();
  assert.equal((await node.stored("telemetry")).length, 2);
  const told = (await node.stored("alarm")).filter(({ n }) => n === "hot");
  assert.deepEqual(
    told.map(({ vb }) => vb),
    [true, false],
  );
});

test("who listens in the account API sees an alarm raised and cleared once that is on disk, with its time", async (t) => {
  await using node = await startTestNode();
  const api = await node.bus.connectApi();
  t.after(() => api.close());
  const live = api.subscribe("umec.n1.alarms.event.>", { max: 2 });
  await api.flush();
  const bus = await LiveAlarms.open("n1", node.bus);
  t.after(() => bus.stop());
  const onDisk: number[] = [];
  const alarms = await Alarms.open({
    path: join(await scratch(), "alarms.json"),
    outbox: node.outbox,
    clock: testClock,
    log: recordingLog(() => {}),
    onTold(name, records) {
      onDisk.push(node.outbox.stats().appendedRows);
      bus.tell(name, records);
    },
  });
  t.after(() => alarms.stop());
  alarms.set([hot]);
  const startS = Date.now() / 1000;
  alarms.watch("p1").accepted([temperature(31)]);
  alarms.watch("p1").accepted([temperature(20)]);
  const seen: SenmlRecord[][] = [];
  for await (const message of live) {
    assert.equal(message.subject, "umec.n1.alarms.event.hot");
    seen.push(decodePack(message.data));
  }
  const plain = seen.map((pack) => pack.map(({ t: _, ...record }) => record));
  assert.deepEqual(plain, [
    raisedAt(31),
    [
      { n: "hot", vb: false },
      { n: "hot/value", u: "Cel", v: 20 },
      { n: "hot/severity", vs: "critical" },
    ],
  ]);
  for (const { t: at = 0 } of seen.flat()) assert.ok(Math.abs(at - startS) < 20, `${at} and ${startS}`);
  assert.deepEqual(onDisk, [1, 2]);
});

test("a listener that fails costs no alarm", async (t) => {
  const outbox = memoryOutbox();
  const alarms = await Alarms.open({
    path: join(await scratch(), "alarms.json"),
    outbox,
    clock: { ...testClock, known: () => false },
    log: recordingLog(() => {}),
    onTold(_name, records) {
      assert.ok(records.every(({ t: at = 1 }) => at <= 0 && at > -20));
      throw new Error("the bus is gone");
    },
  });
  t.after(() => alarms.stop());
  alarms.set([hot]);
  alarms.watch("p1").accepted([temperature(31)]);
  alarms.watch("p1").accepted([temperature(20)]);
  await outbox.second;
  assert.equal(outbox.records.length, 2);
});
