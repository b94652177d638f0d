import { pathFrom } from "../../../image/tool.ts";
import { type Machine, userNetwork } from "./machine.ts";

/**
 * QEMU's own board, the fast one. Debian's U-Boot starts the image as it does on a card; its environment, without the
 * wait for a key, lies in the second flash chip. PL061 GPIO, two PL011, a virtio disk with a write cache, and a PCI
 * watchdog (i6300esb) that resets the board.
 */
export const virt: Machine = {
  name: "virt",
  board: "virt",
  memoryMiB: 512,
  loader: "own",
  disk: "write-cache",
  console: 0,
  async args({ memoryMiB, drive, firmware }) {
    const flash = await pathFrom("image/boards/virt/flash.sh", []);
    return [
      ...[
        "-M",
        // With firmware and ACPI there would be no PL061, and so neither lines nor a power button.
        "virt,acpi=off",
        "-cpu",
        "cortex-a53",
        "-smp",
        "2",
        "-m",
        `${memoryMiB}M`,
        "-accel",
        "tcg,thread=multi",
      ],
      ...["-bios", firmware ?? "/usr/lib/u-boot/qemu_arm64/u-boot.bin"],
      ...["-drive", `if=pflash,unit=1,format=raw,readonly=on,file=${flash}`],
      ...["-drive", `if=none,id=disk,${drive}`, "-device", "virtio-blk-pci,drive=disk"],
      ...["-netdev", userNetwork, "-device", "virtio-net-pci,netdev=net0,romfile="],
      ...["-device", "virtio-rng-pci", "-device", "i6300esb", "-action", "watchdog=reset"],
    ];
  },
};
