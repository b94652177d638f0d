import assert from "node:assert/strict";
import { encodeBootState } from "../image/boot-state.ts";
import { bootState } from "./bad-slot.ts";
import { createCounter } from "./counter.ts";
import { Board, Hub } from "./kit/index.ts";
import { onEachBoard } from "./machines.ts";

/** Where in the root slot the byte is changed, in bytes from its start. */
const places = {
  // The file system's superblock: nothing can be mounted.
  "at its start": 8,
  // In a block that the boot may not read; the scrub does, before the slot is marked good.
  "far inside": 40 * 2 ** 20 + 11,
};

for (const [place, offset] of Object.entries(places)) {
  onEachBoard(`a root slot with one byte changed ${place} gives way to the other one`, async (machine) => {
    const counter = createCounter(machine);
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    await using board = await Board.boot({
      machine,
      hub,
      node: "lamp-0042",
      target: { plugins: counter.plugins },
      devices: [counter.line],
    });
    await board.console.expect("umec: the booted slot is good", { timeoutMs: 300_000 });
    await board.powerCut();
    await board.disk.flipByte("root_a", offset);
    // A good slot has many tries (docs/decisions/0010): the last three of them are enough to show how it ends.
    const state = await bootState(board);
    const last = encodeBootState({ ...state, left: { ...state.left, A: 3 } });
    for (const file of ["slots.env", "slots.bak"]) await board.disk.writeFile("boot", file, last);
    await board.powerOn();
    await board.console.expect("umec: slot B", { timeoutMs: 400_000 });
    const before = counter.count;
    const series = { node: "lamp-0042", plugin: "line", name: "counter/count" };
    await hub.sample({ ...series, where: ({ value }) => Number(value) > before, timeoutMs: 180_000 });
    assert.equal(board.reboots, 3);
  });
}
