import type { MachineName } from "./types.ts";

/**
 * What the kernel must be told on an emulated board and not on a real one.
 *
 * imx8mp-evk: QEMU has no model of the DMA controller (SDMA), but the device tree has it. Its registers read as 0, so
 * the driver takes it for working, and a UART other than the console waits for ever for its first transfer. Without
 * the driver all UARTs work without DMA.
 *
 * raspi3b: QEMU's watchdog bites at once when it is started, so systemd leaves it alone.
 */
export const emulatorKernelArgs: Readonly<Record<MachineName, string>> = {
  virt: "",
  "imx8mp-evk": "initcall_blacklist=sdma_driver_init",
  raspi3b: "systemd.watchdog_sec=0",
};
