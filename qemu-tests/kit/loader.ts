/**
 * The kit as boot loader, for an emulated board that can't run its own: it does what `image/boot/boot.cmd` does, with
 * the same files, step by step, and gives QEMU the result. A reset of the guest ends QEMU, and the loader runs again.
 *
 * 1. `slots.env`, else `slots.bak`, else the defaults (see boot.cmd on what makes a file valid).
 * 2. The slot loses one try; `slots.env` is written, then `slots.bak`.
 * 3. `slot.env`, kernel and initramfs from the slot, checked by their CRC-32; the device tree by `board.env`.
 * 4. Where something is missing or damaged: as if the board was reset, until a slot starts.
 *
 * It prints boot.cmd's lines, so that a test can expect the same words on every board.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import {
  afterDamage,
  type BootState,
  encodeBootState,
  nextStart,
  readBootState,
  type Slot,
} from "../../image/boot-state.ts";
import { inToolRoot } from "../../image/tool.ts";
import { isUmecError, UmecError } from "../../runtime/errors.ts";
import { parseEnvText } from "./env-text.ts";
import type { Fat } from "./fat.ts";

/** What QEMU gets: paths of files, and the kernel's command line. */
export interface Loaded {
  slot: Slot;
  kernel: string;
  initrd: string;
  /** `undefined` where QEMU makes the device tree itself. */
  dtb: string | undefined;
  append: string;
}

export interface DeviceTree {
  file: string;
  /** Paths of nodes that QEMU does not have, and that are in the way. */
  remove: readonly string[];
}

export interface LoaderOptions {
  /** Opens a FAT partition of the card by its label. */
  fat: (label: string) => Promise<Fat>;
  /** Where the slot's files are put. */
  dir: string;
  /**
   * What another boot stage would have handed over, where `board.env` names no device tree: its file name in the slot,
   * and nodes to take out of it. @default none
   */
  deviceTree?: DeviceTree | undefined;
  /** Is told what a boot loader prints, line by line. */
  print?: (line: string) => void;
}

/** Both slots have three tries and are tried again after that; whoever fails so often never starts. */
const mostResets = 8;

/** @throws UmecError `LOADER_NO_SLOT` when neither slot has files that can be started */
export async function load({
  fat,
  dir,
  deviceTree,
  print = () => undefined,
}: LoaderOptions): Promise<Loaded> {
  for (let resets = 0; resets <= mostResets; resets++) {
    const boot = await fat("boot");
    const board = parseEnvText((await readIfThere(boot, "board.env"))?.toString("latin1") ?? "");
    const files = { env: await readIfThere(boot, "slots.env"), bak: await readIfThere(boot, "slots.bak") };
    const { state: before, from } = readBootState(files);
    print(`umec: state from ${from}: order ${before.order.join(" ")}, ${triesOf(before)}`);
    const { slot, state } = nextStart(before);
    if (!slot) print("umec: no slot has tries left, both get 3");
    const write = async (written: BootState) => {
      for (const file of ["slots.env", "slots.bak"]) await boot.writeFile(file, encodeBootState(written));
    };
    await write(state);
    if (!slot) continue;
    print(`umec: slot ${slot}, ${triesOf(state)}`);
    const name = board.get("fdtfile")?.replace(/.*\//, "") || deviceTree?.file;
    const loaded = await readSlot(await fat(slot === "A" ? "boot_a" : "boot_b"), slot, {
      board,
      dir,
      dtbName: name,
    });
    if (loaded) {
      if (loaded.dtb !== undefined) await prune(loaded.dtb, deviceTree);
      return loaded;
    }
    print(`umec: slot ${slot} does not start`);
    const few = afterDamage(state, slot);
    if (few) await write(few);
  }
  throw new UmecError("LOADER_NO_SLOT", `no slot of the card could be started in ${mostResets + 1} tries`, {
    hint: "each needs slot.env, Image and initrd with the checksums in slot.env, and the board's device tree",
  });
}

/** For a boot loader in QEMU that expects a device tree from the stage before it: takes it from slot A. */
export async function handedOver(slot: Fat, dir: string, deviceTree: DeviceTree): Promise<string> {
  const path = join(dir, "board.dtb");
  await writeFile(path, await slot.readFile(`dtbs/${deviceTree.file}`));
  await prune(path, deviceTree);
  return path;
}

async function prune(dtb: string, deviceTree: DeviceTree | undefined): Promise<void> {
  for (const node of deviceTree?.remove ?? []) await inToolRoot(["fdtput", "-r", dtb, node]);
}

function triesOf({ left }: BootState): string {
  return `left A ${left.A.toString(16)} B ${left.B.toString(16)}`;
}

async function readSlot(
  files: Fat,
  slot: Slot,
  { board, dir, dtbName }: { board: ReadonlyMap<string, string>; dir: string; dtbName: string | undefined },
): Promise<Loaded | undefined> {
  const read = async (name: string) => readIfThere(files, name);
  const env = parseEnvText((await read("slot.env"))?.toString("latin1") ?? "");
  const args = env.get(slot === "A" ? "args_a" : "args_b");
  const image = await read("Image");
  const initrd = await read("initrd");
  if (!args || !image || !initrd) return undefined;
  if (!isSumOf(image, env.get("crc_image")) || !isSumOf(initrd, env.get("crc_initrd"))) return undefined;
  const put = async (name: string, data: Buffer) => {
    const path = join(dir, name);
    await writeFile(path, data);
    return path;
  };
  const dtb = dtbName ? await read(`dtbs/${dtbName}`) : undefined;
  // U-Boot would go on with the tree that it has itself; the kit has none.
  if (dtbName && !dtb) return undefined;
  return {
    slot,
    kernel: await put("Image", image),
    initrd: await put("initrd", initrd),
    dtb: dtb && (await put("board.dtb", dtb)),
    append: `${board.get("board_args") ?? ""} ${args}`.trim(),
  };
}

/** `slot.env` has the CRC-32 in both orders of its bytes, hexadecimal without leading zeros. */
function isSumOf(data: Buffer, sums = ""): boolean {
  return sums.split(" ").includes(crc32(data).toString(16));
}

async function readIfThere(fat: Fat, name: string): Promise<Buffer | undefined> {
  try {
    return await fat.readFile(name);
  } catch (error) {
    if (isUmecError(error, "FAT_NOT_FOUND")) return undefined;
    throw error;
  }
}
