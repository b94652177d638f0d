import { UmecError } from "../../../runtime/errors.ts";
import { kernelArgs, type Machine, userNetwork } from "./machine.ts";

/**
 * A Raspberry Pi 3B. QEMU has neither its GPU nor the firmware that runs on it, so it starts U-Boot (`firmware`, a
 * `u-boot.bin` for it, and `dtb`, which the firmware would have handed over) or, without it, the kit is the boot
 * loader. The console is the mini UART, serial 1; U-Boot's first lines go to serial 0. No GPIO inputs, and "power
 * off" leaves QEMU running: end it by `powerCut`.
 */
export const raspi3b: Machine = {
  name: "raspi3b",
  board: "rpi",
  memoryMiB: 1024,
  loader: "kit",
  disk: "write-through",
  powerOfTwo: true,
  console: 1,
  async args({ drive, loaded, firmware }) {
    if (firmware === undefined && !loaded) {
      throw new UmecError("MACHINE_NO_FIRMWARE", "a raspi3b without kernel needs a u-boot.bin");
    }
    return [
      ...["-M", "raspi3b", "-accel", "tcg,thread=multi"],
      ...(loaded ? kernelArgs(loaded, "raspi3b") : ["-kernel", firmware ?? ""]),
      ...["-drive", `if=sd,${drive}`, "-netdev", userNetwork, "-device", "usb-net,netdev=net0"],
    ];
  },
};
