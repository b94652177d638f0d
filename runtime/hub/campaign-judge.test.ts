import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpdatePhase } from "../update/types.ts";
import { judgeCampaign, reachOf, tally } from "./campaign-judge.ts";
import { drawOrder, matchNodes } from "./campaign-nodes.ts";
import type { Campaign, NodeReport } from "./campaign-types.ts";

const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`);

function campaignOf(changes: Partial<Campaign> = {}): Campaign {
  return {
    version: 1,
    id: "r",
    bundle: { version: "2.0.0", compatible: "umec-test", sha256: "0".repeat(64), bytes: 1 },
    to: ["*"],
    nodes: names(4),
    waves: [25, 50, 100],
    maxFailures: 1,
    quorum: 50,
    createdAtMs: 0,
    state: "running",
    wave: 0,
    waveAtMs: 1000,
    forgiven: [],
    ...changes,
  };
}

function said(phases: Record<string, UpdatePhase>): Map<string, NodeReport> {
  return new Map(
    Object.entries(phases).map(([node, phase], atMs) => [
      node,
      { id: "r", phase, from: "1.0.0", to: "2.0.0", reason: "why", atMs, storedAtMs: atMs },
    ]),
  );
}

test("waves are parts of the nodes, each at least one node larger than the one before", () => {
  const reach = (count: number, waves: number[]) =>
    waves.map((_, wave) => reachOf({ nodes: names(count), waves }, wave));
  assert.deepEqual(reach(40, [5, 25, 100]), [2, 10, 40]);
  assert.deepEqual(reach(3, [5, 25, 100]), [1, 2, 3]);
  assert.deepEqual(reach(1, [5, 25, 100]), [1, 1, 1]);
  assert.deepEqual(reach(1000, [0.1, 100]), [1, 1000]);
});

test("the next wave begins when all of this one are good, and the last one ends it", () => {
  assert.deepEqual(judgeCampaign(campaignOf(), said({}), 1e9), { kind: "wait" });
  assert.deepEqual(judgeCampaign(campaignOf(), said({ n0: "trying" }), 1e9), { kind: "wait" });
  assert.deepEqual(judgeCampaign(campaignOf(), said({ n0: "good" }), 0), { kind: "next-wave" });
  const last = campaignOf({ wave: 2 });
  assert.deepEqual(judgeCampaign(last, said({ n0: "good", n1: "good", n2: "good" }), 1e9), { kind: "wait" });
  assert.deepEqual(judgeCampaign(last, said({ n0: "good", n1: "good", n2: "good", n3: "good" }), 0), {
    kind: "done",
  });
  assert.deepEqual(judgeCampaign(campaignOf({ nodes: ["n0"] }), said({ n0: "good" }), 0), { kind: "done" });
});

test("it stops at the failure that is one too many, and says which", () => {
  for (const [phase, words] of [
    ["fell-back", "n1 fell back from 2.0.0 to 1.0.0: why"],
    ["refused", "n1 refused 2.0.0: why"],
    ["failed", "n1 failed to install 2.0.0: why"],
  ] as const) {
    const verdict = judgeCampaign(campaignOf({ wave: 1 }), said({ n0: "good", n1: phase }), 0);
    assert.deepEqual(verdict, { kind: "stop", reason: words });
  }
  const patient = campaignOf({ wave: 1, maxFailures: 2 });
  assert.deepEqual(judgeCampaign(patient, said({ n0: "failed", n1: "good" }), 0), { kind: "next-wave" });
  assert.deepEqual(judgeCampaign(patient, said({ n0: "failed", n1: "refused" }), 0), {
    kind: "stop",
    reason: "n1 refused 2.0.0: why, the last of 2 that failed",
  });
  const forgiven = campaignOf({ wave: 1, forgiven: ["n0"] });
  assert.deepEqual(judgeCampaign(forgiven, said({ n0: "failed", n1: "good" }), 0), { kind: "next-wave" });
});

test("what a node that was not told has said does not count", () => {
  const reports = said({ n3: "failed", n0: "good" });
  assert.deepEqual(judgeCampaign(campaignOf(), reports, 0), { kind: "next-wave" });
  assert.deepEqual(tally(campaignOf(), reports), { told: 1, good: 1, failed: 0, waiting: 0 });
});

test("with a patience, a wave is over when that is and enough of it are good", () => {
  const campaign = campaignOf({ wave: 1, waves: [25, 75, 100], patienceMs: 500 });
  assert.deepEqual(judgeCampaign(campaign, said({ n0: "good", n1: "good" }), 1499), { kind: "wait" });
  assert.deepEqual(judgeCampaign(campaign, said({ n0: "good", n1: "good" }), 1500), { kind: "next-wave" });
  assert.deepEqual(judgeCampaign(campaign, said({ n0: "good" }), 1e9), { kind: "wait" }, "none of this wave");
  assert.deepEqual(judgeCampaign({ ...campaign, wave: 2 }, said({ n0: "good" }), 1e9), { kind: "wait" });
});

test("names are matched by patterns, and drawn in the same order each time", () => {
  const nodes = ["lamp-1", "lamp-2", "lamp-22", "site-a-1"];
  assert.deepEqual(matchNodes(nodes, ["lamp-?"]), ["lamp-1", "lamp-2"]);
  assert.deepEqual(matchNodes(nodes, ["*"]), nodes);
  assert.deepEqual(matchNodes(nodes, ["site-a-*", "lamp-22"]), ["lamp-22", "site-a-1"]);
  assert.throws(
    () => matchNodes(nodes, ["lamp-?", "pump-*"]),
    /no node that the hub knows is called pump-\*/,
  );
  assert.throws(() => matchNodes(nodes, ["site-a/*"]), /"site-a\/\*" is no pattern/);
  assert.throws(() => matchNodes(nodes, ["lamp.1"]), /no pattern/);
  const many = names(100);
  assert.deepEqual(drawOrder("x", many), drawOrder("x", [...many].reverse()));
  assert.notDeepEqual(drawOrder("x", many), drawOrder("y", many));
  assert.deepEqual(drawOrder("x", many).sort(), [...many].sort());
});
