import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { createCounter } from "./counter.ts";
import type { MachineName } from "./kit/devices/types.ts";
import { Board, Hub } from "./kit/index.ts";
import { seededRandom } from "./kit/random.ts";
import { onEachBoard } from "./machines.ts";

const longestMs = 12_000;

/** Only the disk of virt forgets; elsewhere the cuts show that the board boots, which takes longer there. */
const cutsOf = (machine: MachineName) => Number(process.env.UMEC_POWER_CUTS ?? (machine === "virt" ? 20 : 3));

onEachBoard(
  "power cuts at random moments, and one in a minute without the link: it always boots, and loses nothing",
  async (machine) => {
    const cuts = cutsOf(machine);
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
    const arrives = (beyond: number) =>
      hub.sample({ ...series, where: ({ value }) => Number(value) > beyond, timeoutMs: 180_000 });
    const { slave } = board.serial("rs485");
    for (let cut = 1; cut <= cuts; cut++) {
      // Every fourth time it comes all the way up; else the power goes somewhere in the boot or soon after.
      const up = cut % 4 === 0;
      if (up) await slave.nextRequest();
      await delay(random() * longestMs);
      // A node that is up writes all the time: there the power goes while the disk holds what was not flushed.
      if (up) await board.disk.stopAtWrite(1 + (cut % 3));
      counter.cut();
      const loss = await board.powerCut();
      inCache += loss?.lostBytes ?? 0;
      await board.powerOn();
    }
    await arrives(counter.count + 8);
    await counter.verify(hub, series);
    // Otherwise the disk forgot nothing, and this test shows less than it says.
    if (machine === "virt") assert.ok(inCache > 0, "no power cut took anything from the disk's cache");

    await board.network.cut();
    // The length of the outage is what is tested.
    await delay(60_000);
    counter.cut();
    await board.powerCut();
    await board.powerOn();
    const before = counter.count;
    await slave.nextRequest();
    await board.network.restore();
    await arrives(before);
    await counter.verify(hub, series);
  },
);
