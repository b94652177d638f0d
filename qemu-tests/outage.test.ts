import { setTimeout as delay } from "node:timers/promises";
import { createCounter } from "./counter.ts";
import { Board, Hub } from "./kit/index.ts";
import { onEachBoard } from "./machines.ts";

onEachBoard("a minute without the link, and a power cut in it, lose nothing", async (machine) => {
  const counter = createCounter(machine);
  await using hub = await Hub.start({ nodes: ["lamp-0042"] });
  await using board = await Board.boot({
    machine,
    hub,
    node: "lamp-0042",
    target: { plugins: counter.plugins },
    devices: [counter.line],
  });
  const series = { node: "lamp-0042", plugin: "line", name: "counter/count" };
  await hub.sample({ ...series, timeoutMs: 180_000 });

  await board.network.cut();
  // The length of the outage is what is tested.
  await delay(60_000);
  counter.cut();
  await board.powerCut();
  await board.powerOn();
  const before = counter.count;
  await board.serial("rs485").slave.nextRequest();
  await board.network.restore();
  await hub.sample({ ...series, where: ({ value }) => Number(value) > before, timeoutMs: 180_000 });
  await counter.verify(hub, series);
});
