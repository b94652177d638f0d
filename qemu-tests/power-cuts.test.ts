import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { createCounter } from "./counter.ts";
import { Board, Hub } from "./kit/index.ts";
import { seededRandom } from "./kit/random.ts";
import { onEachBoard } from "./machines.ts";

const cuts = Number(process.env.UMEC_POWER_CUTS ?? 20);
const longestMs = 12_000;

onEachBoard(
  `${cuts} power cuts at random moments: it always boots, and keeps what it acknowledged`,
  async (machine) => {
    const counter = createCounter(machine);
    const random = seededRandom(20);
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    await using board = await Board.boot({
      machine,
      hub,
      node: "lamp-0042",
      target: { plugins: counter.plugins },
      devices: [counter.line],
      seed: 20,
    });
    const series = { node: "lamp-0042", plugin: "line", name: "counter/count" };
    let inCache = 0;
    for (let cut = 1; cut <= cuts; cut++) {
      // Every fourth time it comes all the way up; else the power goes somewhere in the boot or soon after.
      if (cut % 4 === 0) await board.serial("rs485").slave.nextRequest();
      await delay(random() * longestMs);
      counter.cut();
      const loss = await board.powerCut();
      inCache += loss?.lostBytes ?? 0;
      await board.powerOn();
    }
    const after = counter.count;
    await hub.sample({ ...series, where: ({ value }) => Number(value) > after + 20, timeoutMs: 180_000 });
    counter.verify(await hub.samples(series));
    // Otherwise the disk forgot nothing, and this test shows less than it says.
    if (machine === "virt") assert.ok(inCache > 0, "no power cut took anything from the disk's cache");
  },
);
