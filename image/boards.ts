import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../bundle/paths.ts";

/**
 * The boards that an image is made for: QEMU's virt, NXP's i.MX 8M Plus EVK, Raspberry Pi 3 to 5. What differs lies in
 * image/boards/<name>/:
 *
 *   board.env    what the boot script must know about the board (see image/boot/boot.cmd)
 *   table        kind of partition table, `gpt` or `hybrid` (see image/layout/disk.cfg)
 *   boot-dtbs    the kernel's device trees that a boot stage reads from the boot partition; most boards have none
 *   firmware.sh  prints a folder of other files for the boot partition; most boards have none
 *   README.TXT   goes to the boot partition, behind image/boot/README.TXT
 */
export const boardNames = ["virt", "imx8mp-evk", "rpi"] as const;

export type BoardName = (typeof boardNames)[number];

export interface BoardLayout {
  readonly table: string;
  /** Script, relative to the tree. */
  readonly firmware: string | undefined;
}

export async function boardLayout(board: BoardName): Promise<BoardLayout> {
  const firmware = join("image/boards", board, "firmware.sh");
  const hasFirmware = await stat(join(root, firmware)).catch(() => undefined);
  const table = (await readFile(join(root, "image/boards", board, "table"), "utf8")).trim();
  return { table, firmware: hasFirmware && firmware };
}
