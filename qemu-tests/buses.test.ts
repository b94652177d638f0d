/** Drivers on real controllers of the kernel: one board of each kind, and all that its buses and pins carry at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { edgesAndOutput } from "./buses/gpio.ts";
import { qemuChips, sensorModels } from "./buses/i2c.ts";
import { misbehavingSlave } from "./buses/rs485.ts";
import { flashChip } from "./buses/spi.ts";
import { type MakeBusStory, node } from "./buses/story.ts";
import { nodeItself } from "./buses/system.ts";
import type { MachineName } from "./kit/devices/types.ts";
import { Board, Hub } from "./kit/index.ts";
import { fastest, machines } from "./machines.ts";

/** On the slower board what it alone has; all of it when it alone is asked for. */
const storiesOf = (machine: MachineName): readonly MakeBusStory[] => [
  machine === "virt" ? sensorModels : qemuChips,
  misbehavingSlave,
  ...(machine === "imx8mp-evk" ? [flashChip] : []),
  // This one stops the node.
  ...(fastest.includes(machine) ? [nodeItself, edgesAndOutput] : []),
];

for (const machine of machines.filter((one) => one !== "raspi3b")) {
  test(`all buses and pins of ${machine} at once`, { timeout: 900_000 }, async (t) => {
    const stories = await Promise.all(storiesOf(machine).map((make) => make(machine)));
    await using hub = await Hub.start({ nodes: [node] });
    await using board = await Board.boot({
      machine,
      hub,
      node,
      target: { plugins: Object.assign({}, ...stories.map(({ plugins }) => plugins)) },
      devices: stories.flatMap(({ devices }) => devices),
      debugShell: true,
    });
    for (const { name, tell } of stories) await t.test(`${name} (${machine})`, () => tell({ board, hub }));
    assert.equal(board.reboots, 0);
  });
}
