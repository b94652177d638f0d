/**
 * A serial flash (W25Q64) on an SPI controller of the board, and the device file by which the guest sees it.
 *
 * Only imx8mp-evk has a controller that works: ECSPI3, on which QEMU puts what hangs on a bus `spi`. Its device tree
 * has it switched off and without a device, so the tree that the kit hands over is changed before each start:
 *
 * - a device of spidev behind chip select 0. The kernel takes names of real chips only; `rohm,dh2228fv` is the one
 *   that it has for this.
 * - no DMA: QEMU has no model of the controller (SDMA).
 *
 * QEMU does not wire the chip select, so the flash is always selected and takes the end of a command from its length:
 * "Read JEDEC ID" (9Fh) ends behind six bytes.
 */
import { join } from "node:path";
import { inToolRoot } from "../../../../image/tool.ts";
import { unsupported } from "../errors.ts";
import type { BeforeStart, DeviceAttachment, MachineName } from "../types.ts";

const controller = "/soc@0/bus@30800000/spba-bus@30800000/spi@30840000";

export interface SpiFlashOptions {
  /** @default "flash" */
  id?: string;
}

/** On a machine without a controller `qemuArgs` throws `DEVICE_UNSUPPORTED`. */
export function spiFlash({ id = "flash" }: SpiFlashOptions = {}): DeviceAttachment {
  return {
    id,
    handles: {},
    qemuArgs(machine: MachineName) {
      if (machine !== "imx8mp-evk") {
        throw unsupported(`QEMU's ${machine} has no SPI controller that works`, "test this on imx8mp-evk");
      }
      return ["-device", `w25q64,id=${id},bus=spi`];
    },
    async beforeStart({ dir }: BeforeStart) {
      const dtb = join(dir, "board.dtb");
      for (const args of changes(dtb)) await inToolRoot(["fdtput", ...args]);
    },
    async stop() {},
  };
}

/** Arguments of fdtput(1), one call each. */
function changes(dtb: string): string[][] {
  const device = `${controller}/flash@0`;
  return [
    ["-d", dtb, controller, "dmas", "dma-names"],
    ["-ts", dtb, controller, "status", "okay"],
    ["-c", dtb, device],
    ["-ts", dtb, device, "compatible", "rohm,dh2228fv"],
    ["-ti", dtb, device, "reg", "0"],
    ["-ti", dtb, device, "spi-max-frequency", "10000000"],
  ];
}
