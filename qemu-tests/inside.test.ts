/** A node from inside: what listens and runs there, what its runtime may touch, who may log in, and what it finds. */
import { discovered } from "./inside/discover.ts";
import { receiver } from "./inside/gnss.ts";
import { people } from "./inside/people.ts";
import { slots } from "./inside/slots.ts";
import { surface } from "./inside/surface.ts";
import { fastest } from "./machines.ts";
import { onOneBoard } from "./shared-board.ts";

/** On imx8mp-evk it takes long: `npm run qemu:imx8mp`. */
onOneBoard("a node from inside", (machine) =>
  fastest.includes(machine)
    ? // The last one writes a file of its own for the node.
      [receiver, ...(machine === "virt" ? [surface, slots] : []), people, discovered]
    : [],
);
