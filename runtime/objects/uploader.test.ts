import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import type { NatsConnection } from "@nats-io/transport-node";
import { type CutProxy, startCutProxy } from "../demo/cut-proxy.ts";
import { provisionBuckets } from "../hub/objects.ts";
import { type HubServer, startHubServer } from "../hub/server.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { objectBucket, objectStream } from "../subjects.ts";
import { startLinkedBus } from "../test-linked-bus.ts";
import { testClock } from "../test-node.ts";
import { createScratch } from "../test-scratch.ts";
import { Spool } from "./spool.ts";
import type { LostObject } from "./types.ts";
import { chunkBytes } from "./upload.ts";
import { Uploader, type UploaderOptions } from "./uploader.ts";

const scratch = createScratch();
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

interface NodeSide {
  spool: Spool;
  uploader: Uploader;
  stop(): Promise<void>;
}

/** A hub, a network that can fail, and nodes whose data outlives them. */
interface Rig {
  dir: string;
  hub: HubServer;
  fleet: NatsConnection;
  proxy: CutProxy;
  lost: LostObject[];
  node(options?: Partial<UploaderOptions>): Promise<NodeSide>;
}

async function rig(t: TestContext, { bucket = true } = {}): Promise<Rig> {
  const dir = await scratch();
  const hub = await startHubServer({
    dir: join(dir, "hub"),
    natsServerPath,
    nodes: ["n1", "n2"],
    log: silentLog,
  });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  if (bucket) await provisionBuckets(fleet, ["n1", "n2"], { log: silentLog });
  const proxy = await startCutProxy({ host: "127.0.0.1", port: Number(new URL(hub.leafUrl).port) });
  t.after(() => proxy[Symbol.asyncDispose]());
  const lost: LostObject[] = [];
  return {
    dir,
    hub,
    fleet,
    proxy,
    lost,
    async node(options = {}) {
      const bus = await startLinkedBus({ dir, hub, port: proxy.port });
      const spool = await Spool.open({
        dir: join(dir, "objects"),
        quotaBytes: 64 * 2 ** 20,
        clock: testClock,
        bootId: "boot",
        log: silentLog,
        onLost: (one) => lost.push(one),
      });
      const connection = await bus.connectLink();
      const ended = new AbortController();
      const uploader = new Uploader({
        node: "n1",
        spool,
        connection,
        leaf: bus,
        clock: testClock,
        bootId: "boot",
        take: async () => {},
        log: silentLog,
        signal: ended.signal,
        ackMs: 1_000,
        ...options,
      });
      let stopping: Promise<void> | undefined;
      const stop = (): Promise<void> => {
        stopping ??= (async () => {
          ended.abort(new Error("the node stops"));
          await uploader.done;
          await connection.close();
          await spool.close();
          await bus.stop();
        })();
        return stopping;
      };
      t.after(stop);
      return { spool, uploader, stop };
    },
  };
}

async function until(
  what: string,
  fits: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await fits())) {
    assert.ok(performance.now() < deadline, `not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const sent = ({ spool }: NodeSide) => until("all is sent", () => spool.stats().waiting === 0);

/** What NATS' own client reads. */
async function read(fleet: NatsConnection, name: string): Promise<Buffer | undefined> {
  const bucket = await new Objm(fleet).open(objectBucket("n1"));
  const body = await bucket.getBlob(name);
  return body === null ? undefined : Buffer.from(body);
}

/** Messages in the bucket, by subject. */
async function subjects(fleet: NatsConnection): Promise<Record<string, number>> {
  const { streams } = await jetstreamManager(fleet);
  const { state } = await streams.info(objectStream("n1"), { subjects_filter: ">" });
  return state.subjects ?? {};
}

test("objects reach the hub as NATS' own client reads them, with type, time and digest, and leave the spool", async (t) => {
  const { dir, fleet, node } = await rig(t);
  const side = await node();
  const large = randomBytes(3 * chunkBytes + 17);
  await side.spool.put("cam", {
    name: "door/still.jpg",
    contentType: "image/jpeg",
    body: large,
    timeMs: 1_800_000_000_000,
  });
  await side.spool.put("cam", {
    name: "exact.bin",
    contentType: "application/octet-stream",
    body: large.subarray(0, chunkBytes),
  });
  await side.spool.put("log", { name: "empty.txt", contentType: "text/plain", body: new Uint8Array(0) });
  await sent(side);
  assert.ok(large.equals((await read(fleet, "cam/door/still.jpg"))!));
  assert.ok(large.subarray(0, chunkBytes).equals((await read(fleet, "cam/exact.bin"))!));
  assert.equal((await read(fleet, "log/empty.txt"))?.length, 0);
  const bucket = await new Objm(fleet).open(objectBucket("n1"));
  const info = (await bucket.info("cam/door/still.jpg"))!;
  assert.deepEqual(
    [info.size, info.chunks, info.headers?.get("Content-Type"), info.mtime],
    [large.length, 4, "image/jpeg", "2027-01-15T08:00:00.000Z"],
  );
  assert.deepEqual((await bucket.list()).map(({ name }) => name).sort(), [
    "cam/door/still.jpg",
    "cam/exact.bin",
    "log/empty.txt",
  ]);
  assert.deepEqual(await readdir(join(dir, "objects")), []);
  assert.equal(side.uploader.stats().state, "idle");
});

test("a link that is cut in the middle of an object costs no chunk twice and none is missing", async (t) => {
  const { fleet, proxy, node } = await rig(t);
  let taken = 0;
  const side = await node({
    take: async () => {
      taken++;
      if (taken === 5 || taken === 12) {
        proxy.cut();
        setTimeout(() => proxy.restore(), 50);
      }
      // What is on its way now is stored, and its acknowledgement is lost.
      if (taken === 9) {
        setImmediate(() => proxy.stall());
        setTimeout(() => proxy.cut(), 100);
        setTimeout(() => proxy.restore(), 150);
      }
    },
  });
  const body = randomBytes(20 * chunkBytes);
  await side.spool.put("cam", { name: "large", contentType: "video/mp4", body });
  await sent(side);
  assert.ok(body.equals((await read(fleet, "cam/large"))!));
  const counts = Object.values(await subjects(fleet)).sort((a, b) => a - b);
  assert.deepEqual(counts, [1, 20]);
  assert.ok(taken < 28, `${taken} chunks were sent for 20`);
});

test("a node that is started again in the middle goes on where it was, from what is on disk", async (t) => {
  const { fleet, node } = await rig(t);
  const reached = Promise.withResolvers<void>();
  let taken = 0;
  const first = await node({
    take: async (_bytes, signal) => {
      if (++taken < 7) return;
      reached.resolve();
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  const body = randomBytes(12 * chunkBytes);
  await first.spool.put("cam", { name: "large", contentType: "video/mp4", body });
  await reached.promise;
  let resumed = 0;
  await first.stop();
  const second = await node({ take: async () => void resumed++ });
  await sent(second);
  assert.ok(body.equals((await read(fleet, "cam/large"))!));
  assert.deepEqual(
    Object.values(await subjects(fleet)).sort((a, b) => a - b),
    [1, 12],
  );
  assert.ok(resumed <= 7, `${resumed} chunks were sent for the 6 that were missing`);
});

test("a power cut between the last acknowledgement and the removal does not describe the object again", async (t) => {
  const { dir, fleet, node } = await rig(t);
  const first = await node();
  const files = new Map<string, Buffer>();
  const { readFile } = await import("node:fs/promises");
  await first.spool.put("cam", { name: "still", contentType: "image/jpeg", body: randomBytes(100_000) });
  const nuid = first.spool.oldest()!.nuid;
  for (const name of await readdir(join(dir, "objects")))
    files.set(name, await readFile(join(dir, "objects", name)));
  assert.equal(files.size, 2);
  await sent(first);
  await first.stop();
  const { streams } = await jetstreamManager(fleet);
  const before = (await streams.info(objectStream("n1"))).state.last_seq;
  for (const [name, content] of files) await writeFile(join(dir, "objects", name), content);

  const second = await node();
  assert.equal(second.spool.oldest()?.nuid, nuid);
  await sent(second);
  assert.equal((await streams.info(objectStream("n1"))).state.last_seq, before);
});

test("an object of the same name takes the place of the one before", async (t) => {
  const { fleet, node } = await rig(t);
  const side = await node();
  for (const text of ["one", "two"]) {
    await side.spool.put("cam", { name: "latest.txt", contentType: "text/plain", body: Buffer.from(text) });
  }
  await sent(side);
  assert.equal(String(await read(fleet, "cam/latest.txt")), "two");
});

test("a hub without a bucket, or with a full one, makes objects wait, and they go when there is room", async (t) => {
  const { fleet, node } = await rig(t, { bucket: false });
  const side = await node();
  await side.spool.put("cam", { name: "a", contentType: "image/jpeg", body: randomBytes(300_000) });
  await until("refused", () => side.uploader.stats().state === "refused");
  await provisionBuckets(fleet, ["n1"], { maxBytes: 400_000, log: silentLog });
  await sent(side);
  await side.spool.put("cam", { name: "b", contentType: "image/jpeg", body: randomBytes(300_000) });
  await until("full", () => /maximum bytes/.test(side.uploader.stats().reason ?? ""));
  assert.equal(side.spool.stats().waiting, 1);
  await provisionBuckets(fleet, ["n1"], { maxBytes: 4_000_000, log: silentLog });
  await sent(side);
  assert.equal((await read(fleet, "cam/b"))?.length, 300_000);
  assert.equal((await read(fleet, "cam/a"))?.length, 300_000);
});

test("a damaged body is given up and told, and the next object goes", async (t) => {
  const { dir, fleet, proxy, lost, node } = await rig(t);
  proxy.cut();
  const side = await node();
  await side.spool.put("cam", { name: "a", contentType: "image/jpeg", body: randomBytes(1000) });
  await side.spool.put("cam", { name: "b", contentType: "image/jpeg", body: randomBytes(1000) });
  await writeFile(join(dir, "objects", "000000000001.body"), randomBytes(1000));
  proxy.restore();
  await sent(side);
  assert.deepEqual(lost, [{ plugin: "cam", name: "a", bytes: 1000, reason: "damaged" }]);
  assert.equal(await read(fleet, "cam/a").catch(() => undefined), undefined);
  assert.equal((await read(fleet, "cam/b"))?.length, 1000);
});

test("chunks that the bucket has removed meanwhile are sent again from the first on", async (t) => {
  const { fleet, node } = await rig(t);
  const { streams } = await jetstreamManager(fleet);
  let taken = 0;
  const side = await node({
    take: async () => {
      if (++taken === 4) await streams.purge(objectStream("n1"));
    },
  });
  const body = randomBytes(6 * chunkBytes);
  await side.spool.put("cam", { name: "large", contentType: "video/mp4", body });
  await sent(side);
  assert.ok(body.equals((await read(fleet, "cam/large"))!));
});

test("a node reaches no bucket but its own", async (t) => {
  const { dir, hub, fleet, proxy } = await rig(t);
  // With credentials that were stolen from n1.
  const bus = await startLinkedBus({ dir: join(dir, "n2"), hub, port: proxy.port, node: "n2" });
  t.after(() => bus.stop());
  const connection = await bus.connectLink();
  t.after(() => connection.close());
  await until("linked", async () => (await bus.leafState()).connected);
  for (const subject of ["hub.obj.n2.C.x", "hub.objlast.n2.C.x"]) {
    await assert.rejects(connection.request(subject, "stolen", { timeout: 500 }));
  }
  const { streams } = await jetstreamManager(fleet);
  assert.equal((await streams.info(objectStream("n2"))).state.messages, 0);
});
