import assert from "node:assert/strict";
import { createAudit } from "../hub/audit.ts";
import type { HubFrame } from "../hub/frames.ts";
import { createReader } from "../hub/reader.ts";
import type { Lane } from "../plugin/contract.ts";
import type { Rig } from "./rig.ts";

/** A pack that was emitted; `row` is set once it was acknowledged. */
export interface Pack {
  plugin: string;
  lane: Lane;
  first: number;
  samples: number;
  row: number | undefined;
}

/**
 * The promise: every acknowledged sample is in the stream exactly once and in order per chain, or inside a gap
 * record; nothing is there that was not emitted, and nothing twice.
 */
export async function verify(rig: Rig, packs: readonly Pack[], damaged: boolean): Promise<void> {
  await using fleet = await rig.connectFleet();
  const reader = createReader(fleet);
  for (const [plugin, mine] of Map.groupBy(packs, (pack) => pack.plugin)) {
    const audit = createAudit({ node: rig.node });
    const frames: HubFrame[] = [];
    const refuse = (malformed: { reason: string }): never =>
      assert.fail(`malformed frame: ${malformed.reason}`);
    for await (const frame of reader.frames({ node: rig.node, plugin, onMalformed: refuse })) {
      frames.push(frame);
      audit.add(frame);
    }
    const { totals, chains } = audit.result();
    const { rowsTwice, rowsOutOfOrder, rowsMissing, samplesTwice, samplesMiscounted, sinceFaults } = totals;
    assert.deepEqual(
      { rowsTwice, rowsOutOfOrder, rowsMissing, samplesMiscounted, sinceFaults },
      { rowsTwice: 0, rowsOutOfOrder: 0, rowsMissing: 0, samplesMiscounted: 0, sinceFaults: 0 },
      JSON.stringify({ samplesTwice, chains }),
    );
    for (const [lane, ofLane] of Map.groupBy(mine, (pack) => pack.lane)) {
      verifyLane(
        frames.filter(({ chain }) => chain.lane === lane),
        ofLane,
        `${plugin} ${lane}`,
        damaged,
      );
    }
  }
}

function verifyLane(
  frames: readonly HubFrame[],
  packs: readonly Pack[],
  name: string,
  damaged: boolean,
): void {
  const times = new Map<number, number>();
  const gaps: { from: number; to: number; reason: string }[] = [];
  const lastOnChain = new Map<string, number>();
  for (const frame of frames) {
    for (const record of frame.records()) {
      if (record.n.endsWith("/_gap")) {
        gaps.push(JSON.parse(record.vs ?? ""));
        continue;
      }
      const value = record.v ?? Number.NaN;
      times.set(value, (times.get(value) ?? 0) + 1);
      const last = lastOnChain.get(frame.subject) ?? -1;
      assert.ok(value > last, `${name}: ${value} comes behind ${last} on ${frame.subject}`);
      lastOnChain.set(frame.subject, value);
    }
  }
  const emitted = packs.reduce((sum, { samples }) => sum + samples, 0);
  for (const [value, count] of times) {
    assert.equal(count, 1, `${name}: sample ${value} is stored ${count} times`);
    assert.ok(value >= 0 && value < emitted, `${name}: sample ${value} was never emitted`);
  }
  for (const { row, first, samples } of packs) {
    if (row === undefined) continue; // not acknowledged: stored or not, but not twice
    for (let value = first; value < first + samples; value++) {
      if (times.has(value)) continue;
      const covered = gaps.some(({ from, to }) => from <= row && row <= to);
      assert.ok(
        covered,
        `${name}: sample ${value} (row ${row}) was acknowledged and is lost; gaps ${JSON.stringify(gaps)}`,
      );
    }
  }
  if (!damaged)
    assert.ok(!gaps.some(({ reason }) => reason === "damaged"), `${name}: a whole file was salvaged`);
}
