/** A real hub and three real nodes, each with two slots: a rollout goes on while nodes are good, and stops when one is not. */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { umec } from "./cli/test-program.ts";
import { createCampaign } from "./hub/campaign-edit.ts";
import { drawOrder } from "./hub/campaign-nodes.ts";
import { readUpdates } from "./hub/campaign-reports.ts";
import { readStanding } from "./hub/campaign-status.ts";
import { readCampaign } from "./hub/campaign-store.ts";
import type { Campaign } from "./hub/campaign-types.ts";
import { readDocument } from "./hub/documents.ts";
import { makeTestBundle, noise } from "./ota/test-bundle.ts";
import { startHub } from "./test-enrolling.ts";
import { type FleetBoard, startBoard } from "./test-fleet.ts";
import { createScratch } from "./test-scratch.ts";
import { fileBundle } from "./update/file-engine.ts";

const scratch = createScratch();
const version = "1.1.0";

async function fleetOf(t: TestContext, names: readonly string[], { real = false } = {}) {
  const dir = await scratch();
  const hub = await startHub(t, dir);
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  const file = fileBundle({ version });
  const path = join(dir, "bundle");
  await writeFile(path, file);
  const boards = await Promise.all(
    names.map((name) => startBoard(t, hub, join(dir, name), name, real ? undefined : path)),
  );
  const bundle = { version, compatible: "umec-test", sha256: "0".repeat(64), bytes: file.length };
  return { dir, hub, fleet, bundle, boards: new Map(boards.map((board) => [board.name, board])) };
}

async function until(fleet: NatsConnection, id: string, state: Campaign["state"]): Promise<Campaign> {
  for (const deadline = performance.now() + 60_000; ; ) {
    const { campaign } = (await readCampaign(fleet, id))!;
    if (campaign.state === state) return campaign;
    assert.ok(performance.now() < deadline, JSON.stringify(campaign));
    await sleep(20);
  }
}

/** Nodes are known to the hub once they have enrolled. */
async function enrolled(boards: ReadonlyMap<string, FleetBoard>): Promise<void> {
  for (const board of boards.values()) {
    while ((await board.node().status()).enrolment?.state !== "enrolled") await sleep(20);
  }
}

const running = async (board: FleetBoard) => (await board.slots()).find(({ booted }) => booted)?.version;

test("node after node is good; one falls back, the rollout stops, and the last one is left alone until it is resumed", async (t) => {
  const { hub, fleet, bundle, boards } = await fleetOf(t, ["lamp-1", "lamp-2", "lamp-3"]);
  // The order is drawn from the id: who is second is to be known before anything begins.
  const nodes = drawOrder("r1", [...boards.keys()]);
  const [first, second, third] = nodes.map((name) => boards.get(name)!) as [
    FleetBoard,
    FleetBoard,
    FleetBoard,
  ];
  second.bad = "plugin rs485 did not sample in 120 s";
  await enrolled(boards);
  const made = await createCampaign(fleet, { id: "r1", bundle, to: ["lamp-*"], waves: [33, 66, 100] });
  assert.deepEqual(made.nodes, nodes);

  const stopped = await until(fleet, "r1", "stopped");
  assert.equal(
    stopped.reason,
    `${second.name} fell back from 1.1.0 to 1.0.0: plugin rs485 did not sample in 120 s`,
  );
  assert.deepEqual([stopped.wave, first.boots, second.boots, third.boots], [1, 2, 3, 1]);
  assert.deepEqual(await Promise.all([first, second, third].map(running)), ["1.1.0", "1.0.0", "1.0.0"]);
  const told = async ({ name }: FleetBoard) => (await readUpdates(fleet, name)).map(({ phase }) => phase);
  const steps = ["ordered", "fetching", "fetched", "installing", "installed", "restarting", "trying"];
  assert.deepEqual(await told(first), [...steps, "good"]);
  assert.deepEqual(await told(second), [...steps, "fell-back"]);
  assert.deepEqual(await told(third), []);
  assert.equal(await readDocument(fleet, third.name, "update"), undefined);

  const creds = await hub.fleetCredentialsFile();
  const ota = async (...args: string[]) => {
    const [command = "", ...rest] = args;
    const { code, stdout, stderr } = await umec([
      "ota",
      command,
      "--url",
      hub.clientUrl,
      "--creds",
      creds,
      ...rest,
    ]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const status = await ota("status");
  t.diagnostic(`\n${status}`);
  assert.match(
    status,
    /^r1: 1\.1\.0 to 3 nodes \(lamp-\*\): STOPPED in wave 2 of 3, 66 %; 1 good, 1 failed, 1 not told$/m,
  );
  const sentence = `${second.name} fell back from 1.1.0 to 1.0.0: plugin rs485 did not sample in 120 s`;
  assert.equal(status.split("\n").filter((line) => line.trim() === sentence).length, 2);
  assert.match(status, new RegExp(`^${first.name} +1\\.0\\.0 +1\\.1\\.0 +good +\\d`, "m"));
  assert.match(status, new RegExp(`^${second.name} +1\\.0\\.0 +1\\.1\\.0 +FELL-BACK `, "m"));
  assert.match(status, new RegExp(`^${third.name} +- +- +- +-$`, "m"));

  assert.equal(await ota("resume", "r1"), "r1 goes on, without 1 node that failed\n");
  const done = await until(fleet, "r1", "done");
  assert.equal(done.wave, 2);
  assert.deepEqual(await Promise.all([first, second, third].map(running)), ["1.1.0", "1.0.0", "1.1.0"]);
  assert.equal(second.boots, 3, "the one that fell back did not try again");
});

test("a person brings a bundle to a node: it is installed, the hub is told, and no order of the hub is in the way", async (t) => {
  const { fleet, dir, boards } = await fleetOf(t, ["lamp-1"]);
  const board = boards.get("lamp-1")!;
  const data = join(dir, "lamp-1", "data");
  const update = (...args: string[]) => umec(["update", "--data", data, ...args]);
  assert.match((await update("--restart")).stderr, /no update is installed/);
  assert.equal((await update()).code, 2);
  const { code, stdout, stderr } = await update(join(dir, "bundle"));
  assert.deepEqual([code, stderr], [0, ""]);
  const id = /^the node installs it as (local-[0-9a-f]{8}): see umec status$/m.exec(stdout)?.[1];
  const end = async () => (await readUpdates(fleet, "lamp-1")).find(({ phase }) => phase === "good");
  for (const deadline = performance.now() + 30_000; !(await end()); await sleep(50))
    assert.ok(performance.now() < deadline, "it is not good");
  const { phase, from, to } = (await end())!;
  assert.deepEqual([(await end())?.id, phase, from, to], [id, "good", "1.0.0", version]);
  assert.deepEqual([await running(board), board.boots], [version, 2]);
  const steps = (await readUpdates(fleet, "lamp-1")).map((report) => report.phase);
  assert.deepEqual(steps, ["fetching", "fetched", "installing", "installed", "restarting", "trying", "good"]);

  // What is no bundle is refused, and told.
  await update(join(dir, "lamp-1", "node.yaml"));
  for (const deadline = performance.now() + 30_000; ; await sleep(50)) {
    const last = (await readUpdates(fleet, "lamp-1")).at(-1);
    if (last?.phase === "refused") {
      assert.equal(last.reason, "this is no bundle");
      break;
    }
    assert.ok(performance.now() < deadline, JSON.stringify(last));
  }
});

test("a real bundle goes from umec ota push over the link to a node, which then runs it", async (t) => {
  const { hub, fleet, dir, boards } = await fleetOf(t, ["lamp-1"], { real: true });
  const content = { dir, version: "1.2.0", compatible: "umec-test" };
  const { path, info } = await makeTestBundle({
    ...content,
    root: { a: noise(300_000, 1) },
    boot: noise(65_536, 2),
  });
  await enrolled(boards);
  const hubArgs = ["--url", hub.clientUrl, "--creds", await hub.fleetCredentialsFile()];
  const pushed = await umec(["ota", "push", ...hubArgs, path, "--to", "lamp-1", "--wait"]);
  const reports = await readUpdates(fleet, "lamp-1");
  assert.deepEqual([pushed.code, pushed.stderr], [0, ""], JSON.stringify(reports));
  assert.match(pushed.stdout, /is done$/m);
  assert.equal(await running(boards.get("lamp-1")!), "1.2.0");
  const { order } = await standingOfOne(fleet);
  assert.equal(order?.version, "1.2.0");
  assert.equal(reports.at(-1)?.phase, "good");
  assert.ok(
    !(await readdir(join(dir, "lamp-1", "update", "incoming"))).includes(`${info.sha256}.raucb`),
    "it takes room",
  );
});

async function standingOfOne(fleet: NatsConnection) {
  const [node] = (await readStanding(fleet)).nodes;
  assert.ok(node);
  return node;
}
