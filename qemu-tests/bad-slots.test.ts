/**
 * A new system that does not do what it is there for gives way to the old one by itself, within a stated time, and the hub
 * learns why. UMEC_ALL=1 (`npm run qemu:update`) tells of all six kinds and of a good one, else of the quickest.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { goodTries } from "../image/boot-state.ts";
import { type BadKind, bootState, putNewSystem } from "./bad-slot.ts";
import { createCounter } from "./counter.ts";
import { Board, Hub } from "./kit/index.ts";
import { seededRandom } from "./kit/random.ts";
import { machines } from "./machines.ts";

const node = "lamp-0042";
const deadlineS = 120;
/** An emulated board on a loaded machine, from reset to the slot's choice and to a system that is up. */
const bootS = 120;

interface Story {
  kind: BadKind;
  /** From the new system's first start to the old one's, without what an emulation takes for each start. */
  withinS: number;
  starts: number;
  reason: RegExp;
}

const stories: readonly Story[] = [
  { kind: "plugin", withinS: deadlineS, starts: 1, reason: /^plugin line did not sample in 120 s$/ },
  { kind: "panic", withinS: 15, starts: 3, reason: /^the kernel panicked: sysrq triggered crash$/ },
  {
    kind: "hang",
    withinS: 180,
    starts: 3,
    reason: /^none of its starts came as far as \/data|^it hung before/,
  },
  {
    kind: "loop",
    withinS: deadlineS,
    starts: 1,
    reason: /^µMEC was started \d+ times and did not stay up in 120 s/,
  },
  { kind: "hub", withinS: deadlineS, starts: 1, reason: /^the hub did not answer in 120 s$/ },
  {
    kind: "disk",
    withinS: deadlineS,
    starts: 1,
    reason:
      /^µMEC was started \d+ times and did not stay up in 120 s|the disk is full|the outbox was not opened/,
  },
];
const all = process.env.UMEC_ALL === "1";
const cycles = all ? 5 : 2;
const told = all ? stories : stories.filter(({ kind }) => kind === "panic");

test("a new system is kept when it is good, and gives way when it is not (virt)", {
  skip: !machines.includes("virt"),
  timeout: 3_600_000,
}, async (t) => {
  const counter = createCounter("virt");
  await using hub = await Hub.start({ nodes: [node] });
  await using board = await Board.boot({
    machine: "virt",
    hub,
    node,
    target: {
      update: { gate: { deadlineS } },
      plugins: { ...counter.plugins, board: { driver: "system", options: { intervalMs: 5000 } } },
    },
    devices: [counter.line],
    keepsMemory: true,
  });
  const { console } = board;
  const good = "umec: the booted slot is good";
  const up = { timeoutMs: 300_000 };
  await console.expect(good, up);

  await t.test("power cycles cost a good slot some of its many tries, and nothing else", async () => {
    const random = seededRandom(5);
    for (let cycle = 1; cycle <= cycles; cycle++) {
      await board.powerCut();
      await board.powerOn();
      await console.expect("umec: slot A", up);
      await delay(random() * 6_000);
    }
    await board.powerCut();
    const { left, order } = await bootState(board);
    assert.deepEqual(order, ["A", "B"]);
    assert.ok(left.A >= goodTries - cycles && left.A < goodTries, `${left.A} tries are left`);
    assert.equal(left.B, 3);
  });

  let number = 0;
  for (const { kind, withinS, starts, reason } of told) {
    const version = `1.4.${++number}`;
    await t.test(`${kind}: the old system runs again within ${withinS} s and ${starts} starts`, async () => {
      await board.powerCut();
      await putNewSystem(board, version, kind);
      const storedFromMs = Date.now();
      const reboots = board.reboots;
      await board.powerOn();
      await console.expect("umec: slot B, left A 40 B 2", up);
      const began = performance.now();
      await console.expect("umec: slot A", { timeoutMs: (withinS + starts * bootS) * 1000 });
      t.diagnostic(`${kind}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
      assert.equal(board.reboots - reboots, starts);
      const sample = await hub.sample({
        ...{ node, plugin: "update", name: "fell-back", lane: "alarm", storedFromMs, timeoutMs: 180_000 },
      });
      const report = JSON.parse(String(sample.value)) as { from: string; to?: string; reason: string };
      assert.match(report.reason, reason);
      await console.expect(good, up);
    });
  }

  // rollout.test.ts tells it of one that came over the link.
  await t.test(
    "a new system that does all it is there for is kept, also over a power cut",
    { skip: !all },
    async () => {
      await board.powerCut();
      await putNewSystem(board, "1.5.0");
      await board.powerOn();
      await console.expect("umec: slot B", up);
      await console.expect(good, up);
      await board.powerCut();
      const { good: marked, left } = await bootState(board);
      assert.equal(marked?.B, "1.5.0");
      assert.ok(left.A > 3 && left.B > 3, "both can be started");
      await board.powerOn();
      await console.expect("umec: slot B", up);
      await console.expect(good, up);
    },
  );
});
