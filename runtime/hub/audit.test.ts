import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { type Gap, generationSize } from "../frame.ts";
import { silentLog } from "../log.ts";
import { encodeCbor } from "../senml/cbor.ts";
import { streamName } from "../subjects.ts";
import { type AuditCounts, type AuditOptions, auditNode, createAudit } from "./audit.ts";
import { createReader } from "./reader.ts";
import { provisionStream } from "./stream.ts";
import { publish, startTestServer, storeB, TestNode, type TestServer } from "./test-hub.ts";

let hub: TestServer;
before(async () => {
  hub = await startTestServer();
  await provisionStream(hub.nc, { log: silentLog });
});
after(() => hub[Symbol.asyncDispose]());

const none: AuditCounts = {
  frames: 0,
  rows: 0,
  samples: 0,
  rowsInGaps: 0,
  samplesInGaps: 0,
  rowsUncertain: 0,
  samplesUncertain: 0,
  rowsTwice: 0,
  rowsOutOfOrder: 0,
  rowsMissing: 0,
  samplesMissing: 0,
  samplesExtra: 0,
  samplesTwice: 0,
  samplesMiscounted: 0,
  sinceFaults: 0,
};

/** Plays a node, one sample a row, and audits it. */
async function audit(
  name: string,
  play: (node: TestNode) => Promise<void>,
  options: Omit<AuditOptions, "node"> = {},
) {
  await play(new TestNode(hub.nc, name));
  return auditNode(hub.nc, { node: name, ...options });
}

const expectRows = (rows: number, samples = rows) =>
  ({ expected: [{ plugin: "p1", lane: "telemetry", rows, samples }] }) as const;

async function live(node: TestNode, first: number, last: number, since = first): Promise<void> {
  await node.live({ rows: [first, last], since, records: node.samples(first, last) });
}

async function backlog(node: TestNode, first: number, last: number): Promise<void> {
  await node.backlog({ rows: [first, last], records: node.samples(first, last) });
}

test("an outage with its backlog keeps the promise", async () => {
  const { ok, totals, chains, malformed } = await audit(
    "good",
    async (node) => {
      await live(node, 1, 10);
      await live(node, 11, 12, 1);
      await live(node, 31, 35);
      await backlog(node, 13, 20);
      await live(node, 36, 40, 31);
      await backlog(node, 21, 30);
    },
    { ...expectRows(40), duplicateLimit: 1000 },
  );
  assert.deepEqual(totals, { ...none, frames: 6, rows: 40, samples: 40 });
  assert.ok(ok);
  assert.equal(malformed, 0);
  const [chain] = chains;
  assert.deepEqual([chain!.plugin, chain!.lane], ["p1", "telemetry"]);
  assert.deepEqual([chain!.liveFrames, chain!.backlogFrames, chain!.duplicatesComplete], [4, 2, true]);
});

test("holes are found: at the beginning, in the middle and, where rows are expected, at the end", async () => {
  const play = async (node: TestNode) => {
    await live(node, 3, 10);
    await backlog(node, 12, 20);
  };
  const open = await audit("holes", play);
  assert.deepEqual(open.totals, { ...none, frames: 2, rows: 17, samples: 17, rowsMissing: 3 });
  assert.equal(open.ok, false);
  assert.deepEqual(
    open.chains[0]!.missing.map(({ from, to }) => [from, to]),
    [
      [1, 2],
      [11, 11],
    ],
  );
  const closed = await auditNode(hub.nc, { node: "holes", ...expectRows(25) });
  assert.equal(closed.totals.rowsMissing, 8);
  assert.equal(closed.totals.samplesMissing, 8);
});

test("a purge in the middle shows as missing rows and a live run that is not whole", async () => {
  const result = await audit("cut", async (node) => {
    await live(node, 1, 10);
    await live(node, 11, 20, 1);
    await backlog(node, 21, 30);
    await live(node, 31, 40);
    const { streams } = await jetstreamManager(hub.nc);
    await streams.purge(streamName, { filter: "umec.cut.p1.telemetry.backlog" });
    await streams.purge(streamName, { filter: "umec.cut.p1.telemetry", keep: 2 });
  });
  assert.equal(result.ok, false);
  assert.equal(result.totals.rowsMissing, 20);
  assert.equal(result.totals.sinceFaults, 10);
});

test("rows that are there twice are found, on one chain and across both", async () => {
  const { ok, totals } = await audit(
    "twice",
    async (node) => {
      await live(node, 1, 10);
      await live(node, 8, 12, 1);
      await backlog(node, 5, 6);
    },
    expectRows(12),
  );
  assert.equal(ok, false);
  assert.deepEqual(totals, {
    ...none,
    frames: 3,
    rows: 12,
    samples: 17,
    samplesExtra: 5,
    rowsTwice: 5,
    rowsOutOfOrder: 3,
  });
});

test("rows out of order on a chain are found, though none is missing", async () => {
  const { totals } = await audit("order", async (node) => {
    await backlog(node, 6, 10);
    await backlog(node, 1, 5);
  });
  assert.deepEqual(totals, { ...none, frames: 2, rows: 10, samples: 10, rowsOutOfOrder: 5 });
});

test("rows in a gap are not missing, and what the gap's range held besides counts as stored", async () => {
  const gap: Gap = { from: 11, to: 40, rows: 20, samples: 60, reason: "quota" };
  const { ok, totals } = await audit(
    "gap",
    async (node) => {
      await live(node, 1, 10);
      await live(node, 21, 30);
      await node.backlog({ rows: [41, 42], records: [node.gap(gap), ...node.samples(42, 42)] });
    },
    // Row 41 is the gap record itself.
    expectRows(41, 81),
  );
  assert.deepEqual(totals, {
    ...none,
    frames: 3,
    rows: 21,
    samples: 21,
    rowsInGaps: 20,
    samplesInGaps: 60,
  });
  assert.ok(ok);
});

test("a row that vanished inside a gap's range is missed where the count is known", async () => {
  const gap: Gap = { from: 1, to: 10, rows: 7, samples: 7, reason: "quota" };
  const { totals } = await audit(
    "hidden",
    (node) => node.live({ rows: [11, 11], records: [node.gap(gap)] }).then(() => undefined),
    expectRows(10),
  );
  assert.deepEqual([totals.rowsMissing, totals.samplesMissing], [3, 3]);
});

test("after a salvage numbers go on in the next generation, and a damaged range may hold more than it tells", async () => {
  const second = generationSize + 1;
  const gap: Gap = { from: 6, to: generationSize, rows: 2, samples: 2, reason: "damaged" };
  const play = async (node: TestNode) => {
    await live(node, 1, 5);
    await backlog(node, 8, 9);
    await node.backlog({ rows: [second, second + 1], records: [node.gap(gap), ...node.samples(10, 10)] });
    await live(node, second + 2, second + 4);
  };
  const { ok, totals } = await audit("salvaged", play, expectRows(15, 30));
  assert.deepEqual(totals, {
    ...none,
    frames: 4,
    rows: 11,
    samples: 11,
    rowsInGaps: 2,
    samplesInGaps: 2,
    rowsUncertain: 2,
    samplesUncertain: 17,
  });
  assert.ok(ok);
});

test("a new generation must be whole from its first row", async () => {
  const { totals } = await audit("begun", async (node) => {
    await live(node, 1, 5);
    await live(node, generationSize + 3, generationSize + 4);
  });
  assert.equal(totals.rowsMissing, 2);
});

test("two stores count for themselves: the same row of both is two rows", async () => {
  const { ok, totals, chains } = await audit(
    "stores",
    async (node) => {
      await live(node, 1, 5);
      await node.live({ store: storeB, rows: [1, 3], records: node.samples(101, 103) });
    },
    expectRows(8),
  );
  assert.deepEqual(totals, { ...none, frames: 2, rows: 8, samples: 8 });
  assert.ok(ok);
  assert.equal(chains[0]!.stores.length, 2);
});

test("an untrue since is found, and an early one is excused by a gap that comes later", async () => {
  const untrue = await audit("since", async (node) => {
    await live(node, 1, 5);
    await backlog(node, 6, 8);
    await live(node, 9, 10, 1);
    await node.live({ rows: [11, 12], since: 12, records: node.samples(11, 12) });
    await node.backlog({ rows: [13, 13], since: 13, records: node.samples(13, 13) });
  });
  assert.deepEqual(untrue.totals, { ...none, frames: 5, rows: 13, samples: 13, sinceFaults: 5 });

  const gap: Gap = { from: 6, to: 8, rows: 3, samples: 3, reason: "quota" };
  const excused = await audit("excused", async (node) => {
    await live(node, 1, 5);
    await live(node, 9, 10, 1);
    await node.live({ rows: [11, 11], since: 1, records: [node.gap(gap)] });
  });
  assert.ok(excused.ok, JSON.stringify(excused.totals));
});

test("wrong counts, unreadable messages and impossible rows are found", async () => {
  const { ok, totals, malformed, malformedFrames } = await audit("odd", async (node) => {
    await node.live({ rows: [1, 2], samples: 3, records: node.samples(1, 2) });
    await node.live({ rows: [3, generationSize + 1], since: 1, records: [] });
    await publish(hub.nc, "umec.odd.p1.telemetry", encodeCbor(node.samples(3, 3)));
  });
  assert.equal(ok, false);
  assert.equal(totals.samplesMiscounted, 1);
  assert.equal(malformed, 2);
  assert.deepEqual(
    malformedFrames.map(({ reason }) => reason.split(" ").at(-1)),
    ["generations", "Umec-Frame"],
  );
});

test("the same name and time twice is told where it is asked for, up to the limit", async () => {
  const play = async (node: TestNode) => {
    const same = node.samples(1, 4);
    await node.live({ rows: [1, 1], records: same });
    await node.live({ rows: [2, 2], since: 1, records: same.slice(0, 3) });
  };
  const full = await audit("same", play, { duplicateLimit: 100 });
  assert.deepEqual([full.ok, full.totals.samplesTwice, full.chains[0]!.duplicatesComplete], [true, 3, true]);
  const bounded = await auditNode(hub.nc, { node: "same", duplicateLimit: 2 });
  assert.deepEqual([bounded.totals.samplesTwice, bounded.chains[0]!.duplicatesComplete], [2, false]);
});

test("a chain that is expected and has no frame is all missing; chains add up", async () => {
  const node = new TestNode(hub.nc, "sum", "p1", "alarm");
  await live(node, 1, 2);
  const { ok, totals, chains } = await auditNode(hub.nc, {
    node: "sum",
    expected: [
      { plugin: "p1", lane: "alarm", rows: 3, samples: 3 },
      { plugin: "p0", lane: "telemetry", rows: 4, samples: 9 },
    ],
  });
  assert.equal(ok, false);
  assert.deepEqual(
    chains.map(({ plugin, lane, rowsMissing }) => [plugin, lane, rowsMissing]),
    [
      ["p0", "telemetry", 4],
      ["p1", "alarm", 1],
    ],
  );
  assert.deepEqual([totals.rows, totals.rowsMissing, totals.samplesMissing], [2, 5, 10]);
});

test("frames can be audited while they are read for something else", async () => {
  const node = new TestNode(hub.nc, "brought");
  await live(node, 1, 3);
  const running = createAudit({ node: "brought" });
  for await (const frame of createReader(hub.nc).frames({ node: "brought" })) running.add(frame);
  assert.equal(running.result().totals.rows, 3);
  await live(node, 4, 6, 1);
  for await (const frame of createReader(hub.nc).frames({ node: "brought" })) {
    if (frame.header.first === 4) running.add(frame);
  }
  assert.deepEqual([running.result().ok, running.result().totals.rows], [true, 6]);
});
