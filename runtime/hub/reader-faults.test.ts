import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { isUmecError } from "../errors.ts";
import { frameHeaderName } from "../frame.ts";
import { silentLog } from "../log.ts";
import { encodeCbor } from "../senml/cbor.ts";
import { streamName } from "../subjects.ts";
import type { MalformedFrame } from "./frames.ts";
import { createReader, type HubReader } from "./reader.ts";
import { provisionStream } from "./stream.ts";
import { collect, publish, startTestServer, storeA, TestNode, type TestServer } from "./test-hub.ts";

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

test("messages that can't be read are told and left out, and the read goes on", async () => {
  const node = new TestNode(hub.nc, "broken");
  await node.live({ rows: [1, 2], records: node.samples(1, 2) });
  const good = encodeCbor(node.samples(3, 3));
  const header = (rows: string) => `store=${storeA} rows=${rows} since=1 samples=1`;
  await publish(hub.nc, "umec.broken.p1.telemetry", good);
  await publish(hub.nc, "umec.broken.p1.telemetry", good, "rows=3");
  await publish(hub.nc, "umec.broken.p1.telemetry", good, header("5-4"));
  await publish(hub.nc, "umec.broken.p1.telemetry", Buffer.from([0xff, 0x00]), header("3-3"));
  await publish(hub.nc, "umec.broken.p1.nolane", good, header("3-3"));
  await node.live({ rows: [3, 4], since: 1, records: node.samples(3, 4) });

  const told: MalformedFrame[] = [];
  const onMalformed = (frame: MalformedFrame) => told.push(frame);
  assert.deepEqual(await values("broken", { onMalformed }), upTo(4));
  const reasons = told.map(({ reason }) => reason);
  assert.deepEqual(reasons.slice(0, 3), [
    `it has no header ${frameHeaderName}`,
    `its header ${frameHeaderName} is "rows=3"`,
    "its rows are 5-4",
  ]);
  assert.match(reasons[3]!, /not CBOR/);
  assert.equal(told.length, 4);

  told.length = 0;
  const frames = await collect(reader.frames({ node: "broken", onMalformed }));
  assert.equal(frames.length, 3, "records are decoded only when they are asked for");
  assert.equal(told.at(-1)!.reason, "its subject is no chain");

  const lines: string[] = [];
  const log = { ...silentLog, warn: (line: string) => lines.push(line) };
  await collect(createReader(hub.nc, { log }).samples({ node: "broken", plugin: "p1" }));
  assert.equal(lines.length, 4);
});

test("gap records are told by gaps and are no samples", async () => {
  const node = new TestNode(hub.nc, "gappy");
  const gap = { from: 3, to: 7, rows: 5, samples: 50, reason: "quota" } as const;
  await node.live({ rows: [1, 2], records: node.samples(1, 2) });
  await node.backlog({ rows: [8, 9], records: [node.gap(gap), ...node.samples(9, 9)] });
  await node.backlog({ rows: [10, 10], records: [{ n: "gappy/p1/_gap", vs: "{}" }] });
  assert.deepEqual(await values("gappy"), [1, 2, 9]);
  const told: MalformedFrame[] = [];
  const gaps = await collect(
    reader.gaps({ node: "gappy", plugin: "p1", onMalformed: (frame) => told.push(frame) }),
  );
  assert.equal(gaps.length, 1);
  const { storedAtMs, ...rest } = gaps[0]!;
  assert.deepEqual(rest, { ...gap, node: "gappy", plugin: "p1", lane: "telemetry", store: storeA });
  assert.equal(told.length, 1);
});

test("a read whose rest is purged meanwhile ends", async () => {
  const node = new TestNode(hub.nc, "purged");
  const large = { n: "purged/p1/blob", vd: new Uint8Array(900_000), t: 1_760_000_000 };
  for (let row = 1; row <= 12; row++) await node.live({ rows: [row, row], since: 1, records: [large] });
  let frames = 0;
  for await (const _ of reader.frames({ node: "purged" })) {
    if (++frames > 1) continue;
    await (await jetstreamManager(hub.nc)).streams.purge(streamName, { filter: "umec.purged.>" });
  }
  assert.ok(frames >= 1 && frames < 12, `${frames} frames, at most the first batch`);
});

test("a reader that stops early or is aborted leaves nothing behind", async () => {
  const node = new TestNode(hub.nc, "early");
  for (let row = 1; row <= 3; row++)
    await node.live({ rows: [row, row], since: 1, records: node.samples(row, row) });
  for await (const { value } of reader.samples({ node: "early", plugin: "p1" })) {
    assert.equal(value, 1);
    break;
  }
  const stop = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of reader.frames({ node: "early", signal: stop.signal }))
      stop.abort(new Error("enough"));
  }, /enough/);
  const info = await (await jetstreamManager(hub.nc)).streams.info(streamName);
  assert.equal(info.state.consumer_count, 0);
});

test("a query that can't be and a hub without a stream are refused with a code", async () => {
  await assert.rejects(collect(reader.samples({ node: "*", plugin: "p1" })), (error: unknown) =>
    isUmecError(error, "HUB_QUERY_INVALID"),
  );
  await using bare = await startTestServer();
  await assert.rejects(collect(createReader(bare.nc).frames({ node: "n1" })), (error: unknown) =>
    isUmecError(error, "HUB_NO_STREAM"),
  );
});
