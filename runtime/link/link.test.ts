import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "../bus/types.ts";
import { type CutProxy, startCutProxy } from "../demo/cut-proxy.ts";
import { formatFrameHeader, frameHeaderName } from "../frame.ts";
import { signatureHeaderName } from "../frame-signature.ts";
import { auditNode } from "../hub/audit.ts";
import { createNodeRecords } from "../hub/node-records.ts";
import { createReader } from "../hub/reader.ts";
import { type HubServer, startHubServer } from "../hub/server.ts";
import { provisionStream } from "../hub/stream.ts";
import { deriveKeys } from "../identity/keys.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { Outbox } from "../outbox/outbox.ts";
import type { Lane } from "../plugin/contract.ts";
import { encodeRecord } from "../senml/cbor.ts";
import { streamName } from "../subjects.ts";
import { startLinkedBus } from "../test-linked-bus.ts";
import { Link, type LinkOptions } from "./link.ts";

let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

/** A hub, a network that can fail, a node's bus and its outbox: everything but the link. */
interface Rig {
  dir: string;
  hub: HubServer;
  fleet: NatsConnection;
  proxy: CutProxy;
  bus: Bus;
  outbox: Outbox;
  emitted: Map<string, number>;
  link(options?: Partial<LinkOptions>): { link: Link; stop: () => Promise<void> };
  /** Stores a pack of `samples` whose values count up for each plugin and lane. */
  emit(plugin: string, options?: { lane?: Lane; samples?: number; bytes?: number }): Promise<void>;
  drained(): Promise<void>;
  audit(): Promise<Awaited<ReturnType<typeof auditNode>>>;
  reopen(): Promise<void>;
}

async function startRig(t: TestContext, options: { stream?: boolean } = {}): Promise<Rig> {
  const dir = await mkdtemp(join(tmpdir(), "umec-link-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const hub = await startHubServer({ dir: join(dir, "hub"), natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  if (options.stream !== false) await provisionStream(fleet, { log: silentLog });
  const target = new URL(hub.leafUrl.replace("nats-leaf", "http"));
  const proxy = await startCutProxy({ host: target.hostname, port: Number(target.port) });
  t.after(() => proxy[Symbol.asyncDispose]());
  const bus = await startLinkedBus({ dir, hub, port: proxy.port });
  t.after(() => bus.stop());
  const open = (): Promise<Outbox> =>
    Outbox.open({
      path: join(dir, "outbox.db"),
      quotaBytes: 64 * 1024 * 1024,
      clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now(), known: () => true },
      log: silentLog,
      commitMs: 1,
      thread: false,
    });
  const emitted = new Map<string, number>();
  const rig: Rig = {
    dir,
    hub,
    fleet,
    proxy,
    bus,
    outbox: await open(),
    emitted,
    link(more = {}) {
      const ended = new AbortController();
      const connection = bus.connectLink();
      let link: Link | undefined;
      const started = connection.then((nc) => {
        link = new Link({
          node: "n1",
          outbox: rig.outbox,
          connection: nc,
          leaf: bus,
          log: silentLog,
          signal: ended.signal,
          ackMs: 500,
          spreadMs: 0,
          ...more,
        });
      });
      const stop = async (): Promise<void> => {
        await started;
        ended.abort();
        await link?.done;
        await (await connection).close();
      };
      t.after(stop);
      return {
        stop,
        get link() {
          return link!;
        },
      };
    },
    async emit(plugin, { lane = "telemetry", samples = 1, bytes = 0 } = {}) {
      const key = `${plugin} ${lane}`;
      const from = emitted.get(key) ?? 0;
      emitted.set(key, from + samples);
      const records = Array.from({ length: samples }, (_, i) =>
        encodeRecord({ n: `counter${"x".repeat(bytes)}`, v: from + i, ...(i > 0 && { t: i / 1000 }) }),
      );
      const time = { unixMs: 1_700_000_000_000 + from };
      await rig.outbox.append({ plugin, lane, time, samples, records: Buffer.concat(records) });
    },
    async drained() {
      const nothingWaits = (): boolean => rig.outbox.stats().waitingRows === 0;
      const deadline = performance.now() + 20_000;
      while (!nothingWaits()) {
        assert.ok(performance.now() < deadline, `still waiting: ${JSON.stringify(rig.outbox.chains())}`);
        await new Promise(setImmediate);
      }
    },
    audit: () =>
      auditNode(fleet, {
        node: "n1",
        expected: [...emitted].map(([key, samples]) => {
          const [plugin = "", lane] = key.split(" ");
          return { plugin, lane: lane as Lane, samples };
        }),
      }),
    async reopen() {
      await rig.outbox.close();
      rig.outbox = await open();
    },
  };
  t.after(() => rig.outbox.close());
  return rig;
}

function assertExact(
  { totals, malformedFrames }: Awaited<ReturnType<Rig["audit"]>>,
  emitted: Map<string, number>,
): void {
  const all = [...emitted.values()].reduce((a, b) => a + b, 0);
  const {
    samples,
    rowsMissing,
    samplesMissing,
    rowsTwice,
    rowsOutOfOrder,
    samplesTwice,
    sinceFaults,
    samplesMiscounted,
  } = totals;
  assert.deepEqual(
    {
      samples,
      rowsMissing,
      samplesMissing,
      rowsTwice,
      rowsOutOfOrder,
      samplesTwice,
      sinceFaults,
      samplesMiscounted,
      malformedFrames,
    },
    {
      samples: all,
      rowsMissing: 0,
      samplesMissing: 0,
      rowsTwice: 0,
      rowsOutOfOrder: 0,
      samplesTwice: 0,
      sinceFaults: 0,
      samplesMiscounted: 0,
      malformedFrames: [],
    },
  );
}

async function values(rig: Rig, plugin: string): Promise<unknown[]> {
  const found = [];
  for await (const { value } of createReader(rig.fleet).samples({ node: "n1", plugin })) found.push(value);
  return found;
}

/** Resolves when the link's state is `state`. */
async function until(fits: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!fits()) {
    assert.ok(performance.now() < deadline, `never ${what}`);
    await new Promise(setImmediate);
  }
}

test("what waited before the start and what comes after is stored once, in order", async (t) => {
  const rig = await startRig(t);
  for (let i = 0; i < 50; i++) await rig.emit("meter");
  const { link } = await started(rig);
  for (let i = 0; i < 50; i++) await rig.emit("meter", { samples: 3 });
  await rig.emit("door", { lane: "alarm" });
  await rig.drained();
  assertExact(await rig.audit(), rig.emitted);
  assert.deepEqual(
    await values(rig, "meter"),
    Array.from({ length: 200 }, (_, i) => i),
  );
  assert.equal(link.stats().state, "up");
});

async function started(
  rig: Rig,
  options: Partial<LinkOptions> = {},
): Promise<{ link: Link; stop: () => Promise<void> }> {
  const handle = rig.link(options);
  await until(() => handle.link?.stats().state === "up", "up");
  return { link: handle.link, stop: handle.stop };
}

test("fresh samples flow at once while a backlog drains", async (t) => {
  const rig = await startRig(t);
  for (let i = 0; i < 400; i++) await rig.emit("meter", { samples: 10, bytes: 50 });
  // 300 kB of backlog under 50 kB/s would take 6 s.
  const { link } = await started(rig, { backlogBytesPerS: 50_000, frameBytes: 4096 });
  const began = performance.now();
  const sent = link.stats().sentFrames;
  await rig.emit("lamp");
  await until(() => rig.outbox.chains().find((c) => c.plugin === "lamp")?.waitingRows === 0, "sent");
  assert.ok(performance.now() - began < 2_000);
  assert.ok(link.stats().sentFrames > sent);
  assert.ok(rig.outbox.stats().waitingRows > 100, "the backlog is still waiting");
});

test("cuts of the link in the middle of frames cost nothing", async (t) => {
  const rig = await startRig(t);
  await started(rig);
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 20; i++) await rig.emit(i % 2 ? "meter" : "lamp", { samples: 2 });
    // Cut while frames are on their way.
    const emitting = [rig.emit("meter"), rig.emit("lamp"), rig.emit("door", { lane: "alarm" })];
    rig.proxy.cut();
    await Promise.all(emitting);
    rig.proxy.restore();
  }
  await rig.drained();
  assertExact(await rig.audit(), rig.emitted);
  for (const { plugin, lane } of rig.outbox.chains()) {
    const gaps = createReader(rig.fleet).gaps({ node: "n1", plugin, lane });
    for await (const gap of gaps) assert.fail(`a fence without a restart: ${JSON.stringify(gap)}`);
  }
});

test("a process that forgets everything in the middle goes on where the hub is", async (t) => {
  const rig = await startRig(t);
  for (let round = 0; round < 8; round++) {
    const { stop } = await started(rig);
    for (let i = 0; i < 10; i++) void rig.emit("meter", { samples: 2 });
    await rig.emit("meter");
    // The link forgets what is in flight; erasures may or may not be on disk.
    await stop();
    if (round % 2) await rig.reopen();
  }
  await started(rig);
  await rig.drained();
  assertExact(await rig.audit(), rig.emitted);
});

test("a hub that stops answering, then goes on, stores nothing twice", async (t) => {
  const rig = await startRig(t);
  const { link } = await started(rig, { ackMs: 200 });
  await rig.emit("meter");
  await rig.drained();
  rig.proxy.stall();
  for (let i = 0; i < 5; i++) await rig.emit("meter", { samples: 2 });
  await until(() => link.stats().state === "down", "down");
  for (let i = 0; i < 5; i++) await rig.emit("meter", { samples: 2 });
  rig.proxy.restore();
  await rig.drained();
  assertExact(await rig.audit(), rig.emitted);
});

test("each frame is signed, and one that is sent again is the same to the last byte", async (t) => {
  const rig = await startRig(t);
  const identity = deriveKeys(Buffer.alloc(32, 1), false);
  await createNodeRecords(rig.fleet).put({
    version: 1,
    node: "n1",
    state: "enrolled",
    keys: identity.keys,
    enrolledAtMs: Date.now() - 1000,
    former: [],
  });
  const signed: string[] = [];
  const sign = (message: Uint8Array): Uint8Array => {
    signed.push(Buffer.from(message).toString("latin1"));
    return identity.sign(message);
  };
  for (let i = 0; i < 20; i++) await rig.emit("meter");
  const { link } = await started(rig, { sign, ackMs: 200 });
  await rig.drained();
  rig.proxy.stall();
  const lost = signed.length;
  await rig.emit("meter", { samples: 2 });
  await until(() => link.stats().state === "down", "down");
  await rig.emit("meter");
  // What was held back is gone with the connection: the frame has to be sent again.
  rig.proxy.cut();
  rig.proxy.restore();
  await rig.drained();
  const audit = await rig.audit();
  assertExact(audit, rig.emitted);
  assert.equal(audit.forged, 0);
  for await (const sample of createReader(rig.fleet).samples({ node: "n1", plugin: "meter" }))
    assert.equal(sample.signed, "verified");
  assert.ok(signed.lastIndexOf(signed[lost]!) > lost, "the frame that was lost was not sent again");
  // Everything before the digest is the chain and the rows: to one of these belongs one digest.
  const heads = new Set(signed.map((message) => message.slice(0, -32)));
  assert.equal(heads.size, new Set(signed).size);
});

test("a link that looks alive but carries nothing is cut and dialled anew", async (t) => {
  const rig = await startRig(t);
  const { link } = await started(rig, { ackMs: 100 });
  await rig.emit("meter");
  await rig.drained();
  rig.proxy.stall();
  await rig.emit("meter");
  await until(() => link.stats().bounces > 0, "cut");
  rig.proxy.restore();
  await rig.drained();
  assertExact(await rig.audit(), rig.emitted);
});

test("a hub without its stream is waited for", async (t) => {
  const rig = await startRig(t, { stream: false });
  const { link } = rig.link();
  await until(() => rig.outbox !== undefined, "open");
  await rig.emit("meter");
  void link;
  await provisionStream(rig.fleet, { log: silentLog });
  await rig.drained();
  assertExact(await rig.audit(), rig.emitted);
});

test("a full hub refuses, the node keeps, and all of it comes once there is room", async (t) => {
  const rig = await startRig(t, { stream: false });
  await provisionStream(rig.fleet, { maxBytes: 4096, log: silentLog });
  const { link } = await started(rig);
  for (let i = 0; i < 40; i++) await rig.emit("meter", { bytes: 100 });
  await until(() => link.stats().state === "refused", "refused");
  assert.match(link.stats().reason ?? "", /maximum bytes/);
  assert.ok(rig.outbox.stats().waitingRows > 0);
  await provisionStream(rig.fleet, { maxBytes: 1024 * 1024, log: silentLog });
  await rig.drained();
  assertExact(await rig.audit(), rig.emitted);
});

test("a purged chain goes on from nothing", async (t) => {
  const rig = await startRig(t);
  await started(rig);
  await rig.emit("meter");
  await rig.drained();
  const manager = await jetstreamManager(rig.fleet);
  await manager.streams.purge(streamName);
  await rig.emit("meter");
  await rig.emit("meter");
  await rig.drained();
  assert.deepEqual(await values(rig, "meter"), [1, 2]);
});

test("a stream that was made anew goes on from nothing", async (t) => {
  const rig = await startRig(t);
  await started(rig);
  await rig.emit("meter");
  await rig.drained();
  const manager = await jetstreamManager(rig.fleet);
  await manager.streams.delete(streamName);
  await rig.emit("meter");
  await provisionStream(rig.fleet, { log: silentLog });
  await rig.emit("meter");
  await rig.drained();
  assert.deepEqual(await values(rig, "meter"), [1, 2]);
});

test("a pack that the hub can't take becomes a gap record; the others go on", async (t) => {
  const rig = await startRig(t, { stream: false });
  await provisionStream(rig.fleet, { log: silentLog });
  const manager = await jetstreamManager(rig.fleet);
  await manager.streams.update(streamName, { max_msg_size: 2_000 });
  await started(rig);
  await rig.emit("meter");
  await rig.emit("meter", { bytes: 3_000, samples: 2 });
  await rig.emit("meter");
  await rig.drained();
  assert.deepEqual(await values(rig, "meter"), [0, 3]);
  const gaps = [];
  for await (const gap of createReader(rig.fleet).gaps({ node: "n1", plugin: "meter" })) gaps.push(gap);
  assert.equal(gaps.length, 1);
  assert.partialDeepStrictEqual(gaps[0], { rows: 1, samples: 2, reason: "too-large" });
});

test("a second outbox under the same name is noticed, and both keep their promise", async (t) => {
  const rig = await startRig(t);
  const first = await started(rig);
  await rig.emit("meter");
  await rig.drained();
  await first.stop();
  // Another card in the same node.
  await rig.outbox.close();
  await rm(join(rig.dir, "outbox.db"));
  await rm(join(rig.dir, "outbox.db.label"));
  await rig.reopen();
  const { link } = await started(rig);
  await rig.emit("meter");
  await rig.drained();
  assert.equal(link.stats().foreignFrames, 1);
  assert.deepEqual(await values(rig, "meter"), [0, 1]);
});

test("a header that this node has not signed is not believed: nothing is erased for it", async (t) => {
  const rig = await startRig(t);
  const keys = deriveKeys(Buffer.alloc(32, 7), false);
  const sign = (message: Uint8Array) => keys.sign(message);
  const first = await started(rig, { sign });
  for (let i = 0; i < 3; i++) await rig.emit("p1");
  await rig.drained();
  await first.stop();
  for (let i = 0; i < 20; i++) await rig.emit("p1");
  // By somebody who may write in the fleet's account, and has seen what the node's frames are called.
  const { nextRow } = rig.outbox.chains()[0]!;
  const header = { store: rig.outbox.store, first: nextRow - 20, last: nextRow - 1, since: 0, samples: 20 };
  const text = formatFrameHeader({ ...header, clockEstimated: false });
  const signature = Buffer.alloc(64, 1).toString("base64url");
  const forged = async (subject: string, more: Record<string, string>) => {
    const hdrs = headers();
    for (const [key, value] of Object.entries({ [frameHeaderName]: text, ...more })) hdrs.set(key, value);
    const ack = (await rig.fleet.request(subject, "forged", { headers: hdrs, timeout: 5000 })).json<{
      seq: number;
    }>();
    assert.ok(ack.seq > 0);
  };
  await forged("umec.n1.p1.telemetry.backlog", { [signatureHeaderName]: signature });
  await forged("umec.n1.p1.telemetry", {});
  const { link } = await started(rig, { sign });
  await rig.drained();
  assert.equal(link.stats().foreignFrames, 2);
  const rows = new Set<number>();
  for await (const frame of createReader(rig.fleet).frames({ node: "n1" }))
    if (frame.signature !== undefined && frame.signature !== signature)
      for (let row = frame.header.first; row <= frame.header.last; row++) rows.add(row);
  assert.ok(rows.size >= 23, `${rows.size} rows`);
});

test("an old copy of the file that is put back loses no new sample", async (t) => {
  const rig = await startRig(t);
  const path = join(rig.dir, "outbox.db");
  await rig.emit("meter");
  await rig.reopen();
  await copyFile(path, `${path}.old`);
  const first = await started(rig);
  for (let i = 0; i < 5; i++) await rig.emit("meter");
  await rig.drained();
  await first.stop();
  await rig.outbox.close();
  await copyFile(`${path}.old`, path);
  await rig.reopen();
  const { store } = rig.outbox;
  // Its row gets a number that the hub knows already.
  await rig.emit("meter");
  await started(rig);
  await rig.drained();
  assert.notEqual(rig.outbox.store, store);
  assert.deepEqual(
    [...new Set(await values(rig, "meter"))].sort(),
    [0, 1, 2, 3, 4, 5, 6],
    "the old copy's own row may come twice, the new one must not be lost",
  );
});
