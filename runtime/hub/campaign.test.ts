/** The engine against a real nats-server; the nodes' side is played by hand. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import type { UpdatePhase } from "../update/types.ts";
import { formatReport, parseOrder } from "../update-wire.ts";
import { type CampaignOptions, startCampaigns } from "./campaign.ts";
import { createCampaign, resumeCampaign, stopCampaign } from "./campaign-edit.ts";
import { knownNodes } from "./campaign-nodes.ts";
import { readCampaign, writeCampaign } from "./campaign-store.ts";
import { readDocument } from "./documents.ts";
import { provisionStream } from "./stream.ts";
import { startTestServer, TestNode } from "./test-hub.ts";

const bundle = { version: "2.0.0", compatible: "umec-test", sha256: "0".repeat(64), bytes: 1 };

async function rig(t: TestContext, names: readonly string[]) {
  const server = await startTestServer();
  const { nc } = server;
  const stack = new AsyncDisposableStack();
  stack.use(server);
  await provisionStream(nc, { log: silentLog });
  const rows = new Map<string, number>();
  const say = async (node: string, phase: UpdatePhase, id = "r", reason?: string, backlog = false) => {
    const row = (rows.get(node) ?? 0) + 1;
    rows.set(node, row);
    const vs = formatReport({
      id,
      phase,
      from: "1.0.0",
      to: "2.0.0",
      ...(reason !== undefined && { reason }),
    });
    const records = [{ n: `${node}/update/${phase}`, vs, t: 1_760_000_000 + row }];
    const chain = new TestNode(nc, node, "update", "alarm");
    await chain[backlog ? "backlog" : "live"]({ rows: [row, row], records });
  };
  for (const name of names) await say(name, "good", "before");
  const run = (options: Partial<CampaignOptions> = {}) => {
    const engine = startCampaigns({ nc, log: silentLog, ...options });
    stack.use(engine);
    return engine;
  };
  t.after(() => stack.disposeAsync());
  const soon = async (what: string, fits: () => Promise<boolean>): Promise<void> => {
    for (const deadline = performance.now() + 10_000; !(await fits()); await sleep(5))
      assert.ok(performance.now() < deadline, what);
  };
  const orderOf = async (node: string) => {
    const document = await readDocument(nc, node, "update");
    return document && parseOrder(document.body).id;
  };
  const campaign = async () => (await readCampaign(nc, "r"))!.campaign;
  return {
    ...{ nc, say, run, soon, orderOf, campaign },
    told: (node: string) => soon(`${node} is told`, async () => (await orderOf(node)) === "r"),
    until: (state: string) => soon(state, async () => (await campaign()).state === state),
    wave: (wave: number) => soon(`wave ${wave}`, async () => (await campaign()).wave === wave),
  };
}

test("waves follow each other while nodes are good, also over restarts of the hub, and reports of an outage count", async (t) => {
  const { nc, say, run, told, wave, until, orderOf } = await rig(t, ["a", "b", "c", "d"]);
  const { nodes } = await createCampaign(nc, { id: "r", bundle, to: ["*"], waves: [25, 50] });
  const [n1, n2, n3, n4] = nodes as [string, string, string, string];
  // Nobody leads it until a hub runs.
  const engine = run();
  await told(n1);
  await say(n1, "ordered");
  await engine[Symbol.asyncDispose]();
  // While no hub runs.
  await say(n1, "good");
  const second = run();
  await wave(1);
  await told(n2);
  assert.deepEqual([await orderOf(n3), await orderOf(n4)], [undefined, undefined]);
  await second[Symbol.asyncDispose]();
  // It died between its decision and what it does: the orders come all the same.
  const { campaign, revision } = (await readCampaign(nc, "r"))!;
  await writeCampaign(nc, { ...campaign, wave: 2 }, revision);
  run();
  await told(n3);
  await told(n4);
  await say(n2, "good");
  await say(n3, "good");
  await say(n4, "good", "r", undefined, true);
  await until("done");
  assert.equal(await orderOf(n4), "r", "the order stays, for hardware that replaces it");
});

test("an operator's stop takes orders back from nodes that have not ended; a resume gives them again", async (t) => {
  const { nc, say, run, told, until, soon, orderOf, campaign } = await rig(t, ["a", "b"]);
  run();
  const { nodes } = await createCampaign(nc, { id: "r", bundle, to: ["*"] });
  const [n1, n2] = nodes as [string, string];
  await told(n1);
  await told(n2);
  await say(n1, "good");
  await stopCampaign(nc, "r", "an operator stopped it");
  await soon("taken back", async () => (await campaign()).withdrawn === true);
  assert.deepEqual([await orderOf(n1), await orderOf(n2)], ["r", undefined]);
  await assert.rejects(stopCampaign(nc, "r", "again"), (error) => isUmecError(error, "HUB_CAMPAIGN_STATE"));
  await resumeCampaign(nc, "r", []);
  await told(n2);
  await say(n2, "good");
  await until("done");
});

test("it stops at a failure and says why; what failed before is not told again when it goes on", async (t) => {
  const { nc, say, run, told, until, orderOf, campaign } = await rig(t, ["a", "b", "c"]);
  run();
  const { nodes } = await createCampaign(nc, { id: "r", bundle, to: ["*"], waves: [33, 66] });
  const [n1, n2, n3] = nodes as [string, string, string];
  await told(n1);
  await say(n1, "good");
  await told(n2);
  await say(n2, "fell-back", "r", "a kernel panic");
  await until("stopped");
  assert.equal((await campaign()).reason, `${n2} fell back from 2.0.0 to 1.0.0: a kernel panic`);
  assert.equal(await orderOf(n3), undefined);
  await resumeCampaign(nc, "r", [n2]);
  await told(n3);
  await say(n3, "good");
  await until("done");
});

test("two engines at once do no more than one", async (t) => {
  const { nc, say, run, told, until, campaign } = await rig(t, ["a", "b", "c", "d"]);
  run();
  run();
  const { nodes } = await createCampaign(nc, { id: "r", bundle, to: ["*"], waves: [25, 50, 75] });
  for (const node of nodes) {
    await told(node);
    await say(node, "good");
  }
  await until("done");
  assert.equal((await campaign()).wave, 3);
});

test("with a patience the next wave begins without those that say nothing", async (t) => {
  const { nc, say, run, told } = await rig(t, ["a", "b", "c", "d"]);
  let now = Date.now();
  run({ now: () => now, lookMs: 20 });
  const asked = { id: "r", bundle, to: ["*"], waves: [50], patienceMs: 3_600_000, quorum: 50 };
  const { nodes } = await createCampaign(nc, asked);
  const [n1, n2, n3] = nodes as [string, string, string];
  await told(n1);
  await told(n2);
  await say(n1, "good");
  now += 3_660_000;
  await told(n3);
});

test("what can't be led is refused: no such node, an overlap, an id again", async (t) => {
  const { nc, run } = await rig(t, ["a", "b"]);
  run();
  assert.deepEqual(await knownNodes(nc), ["a", "b"]);
  const refused = async (more: object, code: string) =>
    assert.rejects(
      createCampaign(nc, { bundle, to: ["*"], ...more }),
      (error) => isUmecError(error, code) || assert.fail(String(error)),
    );
  await refused({ to: ["x-*"] }, "HUB_CAMPAIGN_EMPTY");
  await refused({ waves: [50, 20] }, "HUB_QUERY_INVALID");
  await refused({ waves: [0] }, "HUB_QUERY_INVALID");
  await refused({ id: "A b" }, "HUB_QUERY_INVALID");
  await createCampaign(nc, { id: "r", bundle, to: ["a"] });
  await refused({ to: ["*"] }, "HUB_CAMPAIGN_OVERLAPS");
  await refused({ id: "r", to: ["b"] }, "HUB_CAMPAIGN_EXISTS");
  await createCampaign(nc, { bundle, to: ["b"] });
});
