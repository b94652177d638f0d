/** Drivers on real controllers of the kernel: one board of each kind, and all that its buses and pins carry at once. */
import { application } from "./buses/application.ts";
import { movingBars } from "./buses/camera.ts";
import { edgesAndOutput } from "./buses/gpio.ts";
import { qemuChips, sensorModels } from "./buses/i2c.ts";
import { misbehavingSlave } from "./buses/rs485.ts";
import { flashChip } from "./buses/spi.ts";
import { nodeItself } from "./buses/system.ts";
import { lateConverter } from "./buses/usb-serial.ts";
import { fastest } from "./machines.ts";
import { onOneBoard } from "./shared-board.ts";

/** On the slower board what it alone has; all of it when it alone is asked for. */
onOneBoard("all buses and pins at once", (machine) => {
  if (machine === "raspi3b") return [];
  return [
    machine === "virt" ? sensorModels : qemuChips,
    misbehavingSlave,
    ...(machine === "virt" ? [lateConverter] : []),
    ...(machine === "imx8mp-evk" ? [flashChip] : []),
    // The last one stops the node.
    ...(fastest.includes(machine) ? [nodeItself, application, movingBars, edgesAndOutput] : []),
  ];
});
