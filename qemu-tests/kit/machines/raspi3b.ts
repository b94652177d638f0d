import { UmecError } from "../../../runtime/errors.ts";
import { kernelArgs, type Machine, userNetwork } from "./machine.ts";

/**
 * A Raspberry Pi 3B. QEMU has neither its GPU nor the firmware that runs on it: either the kit is the boot loader, or,
 * with `firmware`, a `u-boot.bin` for the Pi (one is on the boot partition of the image), U-Boot is started with the
 * device tree that the firmware would have handed over. The console is the mini UART, serial 1; U-Boot's first lines
 * go to serial 0, which is not logged. There are no GPIO inputs and no clock that runs without power: the kit tells the time at each start.
 */
export const raspi3b: Machine = {
  name: "raspi3b",
  board: "rpi",
  memoryMiB: 1024,
  loader: "kit",
  // The Bluetooth chip that QEMU lacks would keep the PL011 to itself.
  deviceTree: { file: "bcm2837-rpi-3-b.dtb", remove: ["/soc/serial@7e201000/bluetooth"] },
  disk: "write-through",
  powerOfTwo: true,
  console: 1,
  async args({ drive, loaded, firmware, firmwareDtb }) {
    if (firmware === undefined && !loaded) {
      throw new UmecError("MACHINE_NO_FIRMWARE", "a raspi3b without kernel needs a u-boot.bin");
    }
    return [
      ...["-M", "raspi3b", "-accel", "tcg,thread=multi"],
      ...(loaded
        ? kernelArgs({ ...loaded, append: `${loaded.append} ${clockNow()} ${noWatchdog}` }, "raspi3b")
        : ["-kernel", firmware ?? "", "-dtb", firmwareDtb ?? ""]),
      ...["-drive", `if=sd,${drive}`, "-netdev", userNetwork, "-device", "usb-net,netdev=net0"],
    ];
  },
};

/** QEMU's model resets the machine at once when the initramfs starts its watchdog: the driver is left out. */
const noWatchdog = "initcall_blacklist=bcm2835_wdt_driver_init";

/** A Pi has no clock, and QEMU's network no time server: systemd(1), kernel command line. */
function clockNow(): string {
  return `systemd.clock_usec=${Date.now() * 1000}`;
}
