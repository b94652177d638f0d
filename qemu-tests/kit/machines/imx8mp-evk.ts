import { kernelArgs, type Machine, userNetwork } from "./machine.ts";

/**
 * NXP's i.MX 8M Plus evaluation kit, the most real one: the controllers of the chip for I2C, GPIO, UART, FEC Ethernet
 * and eMMC (the card is in that slot, `bus=2`), and its watchdog. QEMU can't run its first boot stages, so the kit is
 * the boot loader. The device tree has four cores and QEMU gets two: the kernel says that two did not come.
 */
export const imx8mpEvk: Machine = {
  name: "imx8mp-evk",
  board: "imx8mp-evk",
  memoryMiB: 1024,
  loader: "kit",
  disk: "write-through",
  powerOfTwo: true,
  console: 1,
  async args({ memoryMiB, drive, loaded }) {
    return [
      ...["-M", "imx8mp-evk", "-smp", "2", "-m", `${memoryMiB}M`, "-accel", "tcg,thread=multi"],
      ...(loaded ? kernelArgs(loaded, "imx8mp-evk") : []),
      ...["-drive", `if=sd,bus=2,${drive}`, "-nic", userNetwork],
    ];
  },
};
