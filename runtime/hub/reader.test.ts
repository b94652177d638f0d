import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { silentLog } from "../log.ts";
import { createReader, type HubReader } from "./reader.ts";
import { provisionStream } from "./stream.ts";
import { collect, startTestServer, storeA, storeB, TestNode, type TestServer } from "./test-hub.ts";

let hub: TestServer;
let reader: HubReader;
before(async () => {
  hub = await startTestServer();
  await provisionStream(hub.nc, { log: silentLog });
  reader = createReader(hub.nc);
});
after(() => hub[Symbol.asyncDispose]());

const values = async (node: string, more: object = {}) =>
  (await collect(reader.samples({ node, plugin: "p1", ...more }))).map(({ value }) => value);
const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

test("a sample has its name below the plugin, unit, time and where it came from", async () => {
  const node = new TestNode(hub.nc, "whole");
  const sentMs = Date.now();
  await node.backlog({
    rows: [4, 6],
    clockEstimated: true,
    records: [
      { n: "whole/p1/a/text", vs: "on", t: 1_760_000_000.125 },
      { n: "whole/p1/a/flag", vb: false, t: 1_760_000_001 },
      { n: "whole/p1/a/total", s: 12, u: "m3", t: 1_760_000_002 },
    ],
  });
  const [text, flag, total] = await collect(reader.samples({ node: "whole", plugin: "p1" }));
  assert.ok(Math.abs(text!.storedAtMs - sentMs) < 10_000);
  const { storedAtMs, ...rest } = text!;
  assert.deepEqual(rest, {
    name: "a/text",
    value: "on",
    quality: "good",
    timeMs: 1_760_000_000_125,
    node: "whole",
    plugin: "p1",
    lane: "telemetry",
    store: storeA,
    rows: { first: 4, last: 6 },
    backlog: true,
    clockEstimated: true,
    signed: "unsigned",
  });
  assert.equal(flag!.value, false);
  assert.deepEqual([total!.value, total!.sum, total!.unit], [null, 12, "m3"]);
});

test("a sample says how far it can be believed, and a bad one without a value has none", async () => {
  const node = new TestNode(hub.nc, "doubt");
  const bad = { "umec:quality": "bad", "umec:reason": "no answer within 500 ms" };
  await node.live({
    rows: [1, 1],
    records: [
      { n: "doubt/p1/a", v: 1, "umec:quality": "uncertain" },
      { n: "doubt/p1/a", vs: "", ...bad },
      { n: "doubt/p1/a", v: 85, ...bad },
      { n: "doubt/p1/a", vs: "" },
      { n: "doubt/p1/a", v: 2, "umec:quality": "of-a-later-version" },
    ],
  });
  const samples = await collect(reader.samples({ node: "doubt", plugin: "p1" }));
  assert.deepEqual(
    samples.map(({ value, quality, reason }) => [value, quality, reason]),
    [
      [1, "uncertain", undefined],
      [null, "bad", "no answer within 500 ms"],
      [85, "bad", "no answer within 500 ms"],
      ["", "good", undefined],
      [2, "uncertain", undefined],
    ],
  );
});

test("a sample without a time, or with a relative one, counts from when it was stored", async () => {
  const node = new TestNode(hub.nc, "timeless");
  await node.live({
    rows: [1, 1],
    records: [
      { n: "timeless/p1/a", v: 1 },
      { n: "timeless/p1/a", v: 2, t: -5 },
    ],
  });
  const [now, earlier] = await collect(reader.samples({ node: "timeless", plugin: "p1" }));
  assert.equal(now!.timeMs, now!.storedAtMs);
  assert.equal(earlier!.timeMs, earlier!.storedAtMs - 5000);
});

test("backlog that arrives after live rows is read in its place", async () => {
  const node = new TestNode(hub.nc, "outage");
  await node.live({ rows: [1, 10], records: node.samples(1, 10) });
  await node.live({ rows: [31, 35], records: node.samples(31, 35) });
  await node.backlog({ rows: [11, 20], records: node.samples(11, 20) });
  await node.live({ rows: [36, 40], since: 31, records: node.samples(36, 40) });
  await node.backlog({ rows: [21, 30], records: node.samples(21, 30) });
  assert.deepEqual(await values("outage"), upTo(40));
});

test("a new outbox's rows come behind the old one's", async () => {
  const node = new TestNode(hub.nc, "swapped");
  await node.live({ rows: [100, 104], records: node.samples(100, 104) });
  await node.backlog({ rows: [90, 99], records: node.samples(90, 99) });
  await node.live({ store: storeB, rows: [6, 9], records: node.samples(1006, 1009) });
  await node.backlog({ store: storeB, rows: [1, 5], records: node.samples(1001, 1005) });
  assert.deepEqual(await values("swapped"), [...upTo(104, 90), ...upTo(1009, 1001)]);
});

test("lanes, plugins and nodes are told apart", async () => {
  for (const [index, [name, plugin, lane]] of (
    [
      ["apart", "p1", "telemetry"],
      ["apart", "p1", "alarm"],
      ["apart", "p2", "telemetry"],
      ["apart2", "p1", "telemetry"],
    ] as const
  ).entries()) {
    const node = new TestNode(hub.nc, name, plugin, lane);
    await node.live({ rows: [1, 1], records: node.samples(index, index) });
  }
  assert.deepEqual(await values("apart"), [0]);
  assert.deepEqual(await values("apart", { lane: "alarm" }), [1]);
  assert.deepEqual(await values("apart", { plugin: "p2" }), [2]);
  const frames = await collect(reader.frames({ node: "apart" }));
  assert.deepEqual(
    frames.map(({ subject }) => subject),
    ["umec.apart.p1.telemetry", "umec.apart.p1.alarm", "umec.apart.p2.telemetry"],
  );
});

test("frames can be had of one plugin, lane or kind of chain, in the order of storing", async () => {
  const node = new TestNode(hub.nc, "frames");
  await node.live({ rows: [3, 4], records: node.samples(3, 4) });
  await node.backlog({ rows: [1, 2], records: node.samples(1, 2) });
  const firsts = async (more: object) =>
    (await collect(reader.frames({ node: "frames", ...more }))).map(({ header }) => header.first);
  assert.deepEqual(await firsts({}), [3, 1]);
  assert.deepEqual(await firsts({ plugin: "p1", backlog: true }), [1]);
  assert.deepEqual(await firsts({ plugin: "p1", lane: "telemetry", backlog: false }), [3]);
  assert.deepEqual(await firsts({ lane: "bulk" }), []);
});

test("from and to are of the samples' time, and name picks one point", async () => {
  const node = new TestNode(hub.nc, "window");
  const startMs = Date.now() - 100_000;
  const records = node.samples(1, 50, startMs / 1000);
  await node.live({
    rows: [1, 50],
    records: [...records, { n: "window/p1/other", v: 0, t: startMs / 1000 + 20 }],
  });
  const window = { from: startMs + 20_000, to: new Date(startMs + 30_000) };
  assert.deepEqual(await values("window", { ...window, name: "d/q" }), upTo(29, 20));
  assert.deepEqual(await values("window", { ...window, name: "other" }), [0]);
  assert.deepEqual(await values("window", { from: Date.now() + 1000, clockMarginMs: 0 }), []);
});

test("what was stored before the margin is not read, what came late is", async () => {
  const node = new TestNode(hub.nc, "margin");
  const aheadS = Date.now() / 1000 + 3600;
  await node.live({ rows: [1, 1], records: [{ n: "margin/p1/a", v: 1, t: aheadS }] });
  const [{ storedAtMs } = { storedAtMs: 0 }] = await collect(reader.frames({ node: "margin" }));
  while (Date.now() <= storedAtMs + 1) await hub.nc.flush();
  const borderMs = Date.now();
  await node.live({ rows: [2, 2], records: [{ n: "margin/p1/a", v: 2, t: aheadS }] });
  assert.deepEqual(
    await values("margin", { from: borderMs }),
    [1, 2],
    "a clock an hour ahead is within a day",
  );
  assert.deepEqual(await values("margin", { from: borderMs, clockMarginMs: 0 }), [2]);
});

test("a read ends at what was stored when it began", async () => {
  const node = new TestNode(hub.nc, "growing");
  await node.live({ rows: [1, 2], records: node.samples(1, 2) });
  const seen: unknown[] = [];
  for await (const { value } of reader.samples({ node: "growing", plugin: "p1" })) {
    seen.push(value);
    const next = 10 + seen.length;
    await node.live({ rows: [next, next], records: node.samples(next, next) });
  }
  assert.deepEqual(seen, [1, 2]);
});

test("100,000 samples are read in order within seconds", async () => {
  const node = new TestNode(hub.nc, "many");
  const perFrame = 50;
  const frames = 2000;
  // Every fourth frame waits for the backlog chain; no PubAck is awaited one by one.
  const sending: Promise<number>[] = [];
  for (let index = 0; index < frames; index++) {
    const rows = [index * perFrame + 1, (index + 1) * perFrame] as const;
    const frame = { rows, records: node.samples(...rows) };
    sending.push(index % 4 === 3 ? node.backlog(frame) : node.live(frame));
    if (sending.length === 200) await Promise.all(sending.splice(0));
  }
  await Promise.all(sending);

  const startedMs = performance.now();
  let next = 1;
  for await (const { value } of reader.samples({ node: "many", plugin: "p1" })) assert.equal(value, next++);
  assert.equal(next, frames * perFrame + 1);
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < 10_000, `took ${Math.round(tookMs)} ms`);
});
