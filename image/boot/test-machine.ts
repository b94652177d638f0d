import { mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../../bundle/paths.ts";
import { inToolRoot } from "../tool.ts";

/** The parts of the disk that the boot script deals with. */
export type Part = "boot" | "boot_a" | "boot_b";

/**
 * QEMU's virt with Debian's U-Boot and a disk as it is shipped, but for the content of its slots: the kernel is no
 * kernel, so each start ends in the reset that the boot script owes us, at which QEMU ends; or it is `resettingKernel`,
 * which stands for one that was started and lost its power.
 */
export interface Machine {
  /** Writes a file, or removes it (undefined). */
  put(part: Part, name: string, content: Uint8Array | string | undefined): Promise<void>;
  /** Reads a file; undefined if it is not there. */
  get(part: Part, name: string): Promise<Buffer | undefined>;
  /** Starts once, up to the reset, and returns what the boot script said. */
  start(options?: { readOnlyDisk?: boolean }): Promise<string[]>;
}

/**
 * An arm64 Image (Documentation/arch/arm64/booting.rst, section 4) whose only deed is PSCI's SYSTEM_RESET (Arm DEN 0022,
 * 5.11).
 */
export function resettingKernel(): Buffer {
  const image = Buffer.alloc(4096);
  // b 64
  image.writeUInt32LE(0x14000010, 0);
  image.writeBigUInt64LE(BigInt(image.length), 16);
  // 4 KiB pages, anywhere in memory.
  image.writeBigUInt64LE(0x0an, 24);
  image.write("ARM\x64", 56, "latin1");
  // mov w0, #0x84000009; hvc #0; b .
  for (const [index, code] of [0x52800120, 0x72b08000, 0xd4000002, 0x14000000].entries())
    image.writeUInt32LE(code, 64 + 4 * index);
  return image;
}

const offset: Record<Part, string> = { boot: "8M", boot_a: "72M", boot_b: "120M" };

/** Makes the disk in `dir`. */
export async function createMachine(
  dir: string,
  flash: string,
  image: Uint8Array | string = "no kernel at all\n".repeat(10_000),
): Promise<Machine> {
  const tool = (command: readonly string[], timeoutMs = 60_000) =>
    inToolRoot(command, { cwd: dir, env: { MTOOLS_SKIP_CHECK: "1" }, timeoutMs });
  const kernel = join(dir, "kernel");
  await mkdir(join(kernel, "dtbs"), { recursive: true });
  await writeFile(join(kernel, "Image"), image);
  await writeFile(join(kernel, "dtbs/some-board.dtb"), "no device tree");
  await writeFile(join(dir, "initrd"), "no initramfs either\n".repeat(1000));
  await writeFile(join(dir, "verity"), "sectors=8\nblocks=1\nhash=00\nsalt=00\n");
  await writeFile(join(dir, "root.img"), "");
  await truncate(join(dir, "root.img"), 4096);
  const layout = join(root, "image/layout");
  await tool([join(layout, "stage.sh"), "virt", ".", "kernel", "initrd", "verity"]);
  await tool([join(layout, "make-disk.sh"), ".", "gpt"]);

  const at = (part: Part) => `disk.img@@${offset[part]}`;
  const copy = join(dir, "copied");
  return {
    async put(part, name, content) {
      // mdel complains about a file that is not there.
      await tool(["sh", "-c", `mdel -i ${at(part)} "::$1" 2>&1 || :`, "sh", name]);
      if (content === undefined) return;
      await writeFile(copy, content);
      await tool(["mcopy", "-i", at(part), "copied", `::${name}`]);
    },
    async get(part, name) {
      await rm(copy, { force: true });
      await tool(["sh", "-c", `mcopy -n -i ${at(part)} "::$1" copied 2>&1 || :`, "sh", name]);
      const there = await stat(copy).catch(() => undefined);
      return there && (await readFile(copy));
    },
    async start({ readOnlyDisk = false } = {}) {
      const console = await tool([
        ...["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-m", "512", "-nic", "none"],
        ...["-nographic", "-monitor", "none", "-no-reboot", "-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin"],
        ...["-drive", `if=pflash,unit=1,format=raw,readonly=on,file=${flash}`],
        ...["-drive", `if=none,id=disk,format=raw,file=disk.img,readonly=${readOnlyDisk ? "on" : "off"}`],
        ...["-device", "virtio-blk-pci,drive=disk"],
      ]);
      const lines = console.split(/\r?\n/);
      if (!lines.some((line) => line === "resetting ..." || line === "Starting kernel ..."))
        throw new Error(`there was no reset:\n${console}`);
      return lines.filter((line) => line.startsWith("umec: ")).map((line) => line.slice(6));
    },
  };
}
