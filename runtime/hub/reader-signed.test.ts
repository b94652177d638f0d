import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { headers } from "@nats-io/transport-node";
import { frameHeaderName } from "../frame.ts";
import { signatureHeaderName, signFrame } from "../frame-signature.ts";
import type { NodeRecord } from "../hub-nodes-wire.ts";
import { deriveKeys } from "../identity/keys.ts";
import type { NodeIdentity } from "../identity/types.ts";
import { silentLog } from "../log.ts";
import { encodeCbor } from "../senml/cbor.ts";
import { auditNode } from "./audit.ts";
import type { ForgedFrame } from "./frames.ts";
import { createNodeRecords } from "./node-records.ts";
import { createReader, type HubReader } from "./reader.ts";
import { provisionStream } from "./stream.ts";
import { collect, startTestServer, storeA, type TestServer } from "./test-hub.ts";

let hub: TestServer;
let reader: HubReader;
before(async () => {
  hub = await startTestServer();
  await provisionStream(hub.nc, { log: silentLog });
  reader = createReader(hub.nc);
});
after(() => hub[Symbol.asyncDispose]());

const identityOf = (byte: number) => deriveKeys(Buffer.alloc(32, byte), false);
const [mine, formers, strangers] = [identityOf(1), identityOf(2), identityOf(3)];
const hourMs = 3_600_000;

async function enrol(node: string, more: Partial<NodeRecord> = {}): Promise<void> {
  await createNodeRecords(hub.nc).put({
    version: 1,
    node,
    state: "enrolled",
    keys: mine.keys,
    enrolledAtMs: Date.now() - hourMs,
    former: [],
    ...more,
  });
}

interface Sent {
  subject: string;
  header: string;
  payload: Uint8Array;
  signature: string | undefined;
}

/** A frame of one row with the row's number as its value, signed as its node does. */
function frame(node: string, row: number, identity: NodeIdentity | undefined = mine): Sent {
  const subject = `umec.${node}.p1.telemetry`;
  const header = `store=${storeA} rows=${row}-${row} since=1 samples=1`;
  const payload = encodeCbor([{ n: `${node}/p1/d/q`, v: row, t: 1_760_000_000 + row }]);
  const signature = identity && signFrame({ subject, header, payload }, (message) => identity.sign(message));
  return { subject, header, payload, signature };
}

const unsigned = (sent: Sent): Sent => ({ ...sent, signature: undefined });

async function store({ subject, header, payload, signature }: Sent): Promise<number> {
  const hdrs = headers();
  hdrs.set(frameHeaderName, header);
  if (signature !== undefined) hdrs.set(signatureHeaderName, signature);
  return (await hub.nc.request(subject, payload, { headers: hdrs, timeout: 5000 })).json<{ seq: number }>()
    .seq;
}

/** What readers get of a node, as "value standing", and what they are told is forged. */
async function read(node: string): Promise<{ samples: string[]; forged: ForgedFrame[] }> {
  const forged: ForgedFrame[] = [];
  const query = { node, plugin: "p1", onForged: (one: ForgedFrame) => void forged.push(one) };
  const samples = await collect(reader.samples(query));
  return { samples: samples.map(({ value, signed }) => `${value} ${signed}`), forged };
}

test("a node that the hub has no key of is believed as before, and nothing is called proven", async () => {
  await store(unsigned(frame("nobody", 1)));
  await store(frame("nobody", 2));
  assert.deepEqual(await read("nobody"), { samples: ["1 unsigned", "2 unknown"], forged: [] });
});

test("frames of an enrolled node are verified; one that it did not sign is left out and told", async () => {
  await enrol("forged");
  await store(frame("forged", 1));
  const seqs = [
    await store(unsigned(frame("forged", 2))),
    await store(frame("forged", 3, strangers)),
    await store({ ...frame("forged", 4), signature: "A".repeat(86) }),
  ];
  await store(frame("forged", 5));
  const { samples, forged } = await read("forged");
  assert.deepEqual(samples, ["1 verified", "5 verified"]);
  assert.deepEqual(
    forged.map(({ seq, subject }) => [seq, subject]),
    seqs.map((seq) => [seq, "umec.forged.p1.telemetry"]),
  );
  assert.match(forged[0]!.reason, /no header Umec-Signature/);
  assert.match(forged[1]!.reason, /not of this frame by a key of this node/);
  assert.ok(forged.every(({ storedAtMs }) => Math.abs(storedAtMs - Date.now()) < 60_000));
});

test("a signed frame of which one part is another is forged", async () => {
  await enrol("altered");
  await enrol("other");
  const good = frame("altered", 1);
  await store(good);
  const at = good.payload.length - 1;
  for (let bit = 0; bit < 8; bit++) {
    const payload = Buffer.from(good.payload);
    payload[at]! ^= 1 << bit;
    await store({ ...good, payload });
  }
  await store({ ...good, header: good.header.replace("rows=1-1", "rows=2-2") });
  await store({ ...good, header: good.header.replace(storeA, "b".repeat(16)) });
  await store({ ...good, header: `${good.header} clock=estimated` });
  // The same bytes on another chain: as backlog, and of another plugin.
  await store({ ...good, subject: "umec.altered.p1.telemetry.backlog" });
  await store({ ...good, subject: "umec.altered.p2.telemetry" });
  const { samples, forged } = await read("altered");
  assert.deepEqual(samples, ["1 verified"]);
  assert.equal(forged.length, 12);
  // Of another node, with that node's own key or not.
  await store({ ...good, subject: "umec.other.p1.telemetry" });
  const replayed = await read("other");
  assert.deepEqual([replayed.samples, replayed.forged.length], [[], 1]);

  const audit = await auditNode(hub.nc, { node: "altered" });
  assert.deepEqual([audit.ok, audit.forged, audit.malformed], [false, 13, 0]);
  assert.deepEqual([audit.totals.rows, audit.totals.rowsTwice], [1, 0], "they count for nothing else");
});

test("a signed frame that is stored twice on its own chain is a row twice", async () => {
  await enrol("twice");
  await store(frame("twice", 1));
  await store(frame("twice", 1));
  const audit = await auditNode(hub.nc, { node: "twice" });
  assert.deepEqual([audit.ok, audit.forged, audit.totals.rowsTwice], [false, 0, 1]);
});

test("what replaced hardware signed until then stays verified; what it signs later is forged", async () => {
  const enrolledAtMs = Date.now() - hourMs;
  const former = (untilMs: number) => [{ keys: formers.keys, untilMs }];
  await enrol("replaced", { enrolledAtMs, former: former(Date.now()) });
  await store(frame("replaced", 1, formers));
  await store(frame("replaced", 2));
  await store(frame("replaced", 3, strangers));
  const { samples, forged } = await read("replaced");
  assert.deepEqual([samples, forged.length], [["1 verified", "2 verified"], 1]);

  await enrol("replaced", { enrolledAtMs, former: former(Date.now() - hourMs) });
  const later = await read("replaced");
  assert.deepEqual(later.samples, ["2 verified"]);
  assert.match(later.forged[0]!.reason, /key of hardware that was replaced at 20/);
});

test("what a node stored before it enrolled first is no forgery, also after a replacement", async () => {
  await store(unsigned(frame("old", 1)));
  await store(frame("old", 2, strangers));
  await store(frame("old", 3));
  await enrol("old", { enrolledAtMs: Date.now() + hourMs });
  const before = { samples: ["1 unsigned", "2 unknown", "3 verified"], forged: [] };
  assert.deepEqual(await read("old"), before);
  await enrol("old", {
    keys: identityOf(4).keys,
    enrolledAtMs: Date.now() + 2 * hourMs,
    former: [{ keys: mine.keys, untilMs: Date.now() + 2 * hourMs }],
  });
  assert.deepEqual(await read("old"), before);
});

test("what a node that was revoked has signed stays verified", async () => {
  await enrol("revoked", { state: "revoked" });
  await store(frame("revoked", 1));
  assert.deepEqual(await read("revoked"), { samples: ["1 verified"], forged: [] });
});

test("gaps and frames of forgers are left out too; without a listener they are logged", async () => {
  await enrol("logged");
  const gap = { from: 1, to: 9, rows: 9, samples: 9, reason: "quota" };
  const payload = encodeCbor([{ n: "logged/p1/_gap", vs: JSON.stringify(gap), t: 1_760_000_000 }]);
  await store({ ...unsigned(frame("logged", 10)), payload });
  const lines: string[] = [];
  const log = { ...silentLog, warn: (line: string) => lines.push(line) };
  const logged = createReader(hub.nc, { log });
  assert.deepEqual(await collect(logged.gaps({ node: "logged", plugin: "p1" })), []);
  assert.deepEqual(await collect(logged.frames({ node: "logged" })), []);
  assert.deepEqual(lines, Array(2).fill("a stored frame is not by its node, and left out"));
});
