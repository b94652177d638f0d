import { freeSerialIndex } from "../devices/guest-names.ts";
import { emulatorKernelArgs } from "../devices/kernel-args.ts";
import type { MachineName } from "../devices/types.ts";
import type { DeviceTree, Loaded } from "../loader.ts";
import { networkId } from "../network.ts";

/** What differs between the emulated boards. */
export interface Machine {
  readonly name: MachineName;
  /** The board's name in the file name of its image: `umec-<version>-<board>.img`. */
  readonly board: "virt" | "imx8mp-evk" | "rpi";
  /** The guest's memory. Fixed on a Pi. */
  readonly memoryMiB: number;
  /** Whose boot loader runs: the board's own, in QEMU, or the kit (`loader.ts`). */
  readonly loader: "own" | "kit";
  /** The device tree that another boot stage hands over. @default what `board.env` names, or QEMU's own */
  readonly deviceTree?: DeviceTree;
  readonly disk: "write-cache" | "write-through";
  /** The card's size must be a power of two. */
  readonly powerOfTwo?: boolean;
  /** Which `-serial` is the console, from 0. */
  readonly console: number;
  /** All else that QEMU is told. */
  args(context: MachineContext): Promise<string[]>;
}

export interface MachineContext {
  memoryMiB: number;
  /** QEMU's `-drive` options without `if=`. */
  drive: string;
  /** What the kit as boot loader found. */
  loaded: Loaded | undefined;
  /** A file that the board's own boot loader is started from, where it is not the machine's usual one. */
  firmware: string | undefined;
  /** The device tree for that boot loader, where the machine has one to hand over. */
  firmwareDtb: string | undefined;
}

/** `-serial` arguments in the machine's order: the console, the attachment's port, and nothing in the rest. */
export function serialArgs(machine: Machine, console: string, attached: string | undefined): string[] {
  const free = freeSerialIndex[machine.name];
  const last = Math.max(machine.console, attached === undefined ? -1 : free);
  return Array.from({ length: last + 1 }, (_, index) => {
    if (index === machine.console) return ["-serial", console];
    return ["-serial", index === free ? (attached ?? "null") : "null"];
  }).flat();
}

/** Memory that another process may look into, for vhost-user devices. */
export function sharedMemory(memoryMiB: number): string[] {
  const object = `memory-backend-memfd,id=mem,size=${memoryMiB}M,share=on`;
  return ["-object", object, "-machine", "memory-backend=mem"];
}

/** Memory that lies in a file, so that the next QEMU finds what this one has left in it. */
export function lastingMemory(memoryMiB: number, path: string): string[] {
  const object = `memory-backend-file,id=mem,size=${memoryMiB}M,share=on,mem-path=${path}`;
  return ["-object", object, "-machine", "memory-backend=mem"];
}

/** The user network (slirp): the guest gets 10.0.2.15 by DHCP and sees this machine's loopback at 10.0.2.2. */
export const userNetwork = `user,id=${networkId}`;

/** The kernel, started by QEMU, with what it must be told on an emulated board. */
export function kernelArgs({ kernel, initrd, dtb, append }: Loaded, machine: MachineName): string[] {
  const more = `${append} ${emulatorKernelArgs[machine]}`.trim();
  return ["-kernel", kernel, "-initrd", initrd, ...(dtb ? ["-dtb", dtb] : []), "-append", more];
}
