import assert from "node:assert/strict";
import { encodeBootState } from "../image/boot-state.ts";
import { bootState } from "./bad-slot.ts";
import { createCounter } from "./counter.ts";
import type { MachineName } from "./kit/devices/types.ts";
import { Board, Hub } from "./kit/index.ts";
import { fastest, machines, onEachBoard } from "./machines.ts";

/**
 * Where in the root slot the byte is changed, in bytes from its start. A good slot has many tries (docs/decisions/0010): the
 * last of them are enough to show how it ends.
 */
const places = [
  // The file system's superblock: nothing can be mounted.
  { place: "at its start", offset: 8, tries: 3, boards: machines },
  // In a block that the boot may not read; the scrub does, before the slot is marked good.
  { place: "far inside", offset: 40 * 2 ** 20 + 11, tries: 1, boards: fastest },
];

for (const { place, offset, tries, boards } of places) {
  const story = async (machine: MachineName) => {
    const counter = createCounter(machine);
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    await using board = await Board.boot({
      machine,
      hub,
      node: "lamp-0042",
      target: { plugins: counter.plugins },
      devices: [counter.line],
    });
    // Both slots of a new card are whole; the node that comes up in the end is commissioned then.
    await board.console.expect("umec: slot A", { timeoutMs: 60_000 });
    await board.powerCut();
    await board.disk.flipByte("root_a", offset);
    const state = await bootState(board);
    const last = encodeBootState({ ...state, left: { ...state.left, A: tries } });
    for (const file of ["slots.env", "slots.bak"]) await board.disk.writeFile("boot", file, last);
    await board.powerOn();
    await board.console.expect("umec: slot B", { timeoutMs: 400_000 });
    const before = counter.count;
    const series = { node: "lamp-0042", plugin: "line", name: "counter/count" };
    await hub.sample({ ...series, where: ({ value }) => Number(value) > before, timeoutMs: 180_000 });
    assert.equal(board.reboots, tries);
  };
  onEachBoard(`a root slot with one byte changed ${place} gives way to the other one`, story, boards);
}
