import assert from "node:assert/strict";
import { measureFootprint } from "./footprint.ts";
import { guestNames } from "./kit/devices/guest-names.ts";
import { i2cBus } from "./kit/devices/i2c/attachment.ts";
import type { MachineName } from "./kit/devices/types.ts";
import { Board, Hub } from "./kit/index.ts";
import { onEachBoard } from "./machines.ts";

/** Where the released figures are of. */
const measured: readonly MachineName[] = ["virt"];

onEachBoard("a temperature set outside arrives at the hub", async (machine, t) => {
  const i2c = i2cBus({ chips: { t0: { model: "tmp105" } } });
  await i2c.chips.t0.set({ celsius: 21.5 });
  const air = {
    driver: "i2c",
    options: { bus: guestNames[machine].i2c, devices: { t0: { type: "tmp105", address: 0x48 } } },
  };
  await using hub = await Hub.start({ nodes: ["lamp-0042"] });
  // Flashed and commissioned as users do it: by `umec flash` and the umec.json on the card.
  await using board = await Board.boot({
    machine,
    hub,
    node: "lamp-0042",
    target: { plugins: { air } },
    devices: [i2c],
    flash: "umec",
    debugShell: measured.includes(machine),
  });
  const series = { node: "lamp-0042", plugin: "air", name: "t0/temperature" };
  const first = await hub.sample({ ...series, timeoutMs: 180_000 });
  assert.deepEqual([first.value, first.unit, first.node], [21.5, "Cel", "lamp-0042"]);

  await board.i2c("t0").set({ celsius: -5.25 });
  const changed = await hub.sample({ ...series, where: ({ value }) => value === -5.25, timeoutMs: 2000 });
  assert.equal(changed.unit, "Cel");
  if (measured.includes(machine)) await measureFootprint(t, { board, hub, series });

  // The secrets are gone from the partition that every computer shows.
  await board.powerCut();
  assert.match(
    (await board.disk.readFile("boot", "umec.json")).toString(),
    /^\{"commissioned":"lamp-0042"\}\s*$/,
  );
});
