/**
 * A new system in slot B of a board's card, written while the board has no power: slot A's, with an initramfs that changes
 * something in the layer over the root before systemd starts. So no image has to be built for what a new system may have
 * wrong with it, and what goes wrong is the real thing: a kernel that panics, a process that hangs, a file that is not there.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type BootState, encodeBootState, goodTries, readBootState } from "../image/boot-state.ts";
import { inToolRoot, pathFrom } from "../image/tool.ts";
import { guestNames } from "./kit/devices/guest-names.ts";
import type { Board } from "./kit/index.ts";

export type BadKind = "panic" | "hang" | "loop" | "plugin" | "hub" | "disk";

const units = "/root/etc/systemd/system";
const dropIn = (text: string) => `
$busybox mkdir -p ${units}/umec.service.d
$busybox printf '%s\\n' '[Service]' ${text
  .split("\n")
  .map((line) => `'${line}'`)
  .join(" ")} >${units}/umec.service.d/bad.conf
`;

/** What the initramfs does before it hands over to systemd. */
const deeds: Record<BadKind, string> = {
  panic: `
$busybox mkdir -p ${units}/multi-user.target.wants
$busybox printf '%s\\n' '[Unit]' DefaultDependencies=no 'After=umec-gate.service' '[Service]' \\
  "ExecStart=/bin/sh -c 'echo c >/proc/sysrq-trigger'" >${units}/bad.service
$busybox ln -s ../bad.service ${units}/multi-user.target.wants/
`,
  hang: "while :; do $busybox sleep 3600; done\n",
  loop: dropIn("ExecStart=\nExecStart=/bin/false"),
  plugin: dropIn(`InaccessiblePaths=${guestNames.virt.serial}`),
  hub: dropIn("IPAddressDeny=any\nIPAddressAllow=localhost"),
  disk: dropIn("TemporaryFileSystem=/data/umec/data:size=32k,mode=0777"),
};

/**
 * Puts it there and makes slot B the first to boot, as an installation does.
 *
 * @param kind what is wrong with it; nothing, if left out
 */
export async function putNewSystem(board: Board, version: string, kind?: BadKind): Promise<void> {
  const { disk } = board;
  const initrd = await initrdThatDoes(kind ? deeds[kind] : "");
  const sum = crc32(initrd);
  const swapped = Buffer.alloc(4);
  swapped.writeUInt32LE(sum);
  const about = (await disk.readFile("boot_a", "slot.env"))
    .toString("latin1")
    .replace(/^crc_initrd=.*$/m, `crc_initrd=${sum.toString(16)} ${swapped.readUInt32BE().toString(16)}`)
    .replaceAll(/ umec\.slot=\S+/g, ` umec.slot=${version}`)
    .replaceAll(/ umec\.version=\S+/g, ` umec.version=${version}`);
  await disk.writeFile("boot_b", "initrd", initrd);
  await disk.writeFile("boot_b", "slot.env", about);
  const { good } = await bootState(board);
  const state: BootState = { order: ["B", "A"], left: { A: goodTries, B: 3 }, good: { A: good?.A ?? "" } };
  for (const file of ["slots.env", "slots.bak"]) await disk.writeFile("boot", file, encodeBootState(state));
}

/** What the boot loader knows, of a board without power. */
export async function bootState({ disk }: Board): Promise<BootState> {
  return readBootState({
    env: await disk.readFile("boot", "slots.env"),
    bak: await disk.readFile("boot", "slots.bak"),
  }).state;
}

async function initrdThatDoes(deed: string): Promise<Buffer> {
  const boot = new URL("../image/boot/", import.meta.url);
  const init = await readFile(new URL("init", boot), "utf8");
  const last = "exec $busybox switch_root";
  const dir = await mkdtemp(join(tmpdir(), "initrd-"));
  try {
    const path = join(dir, "init");
    await writeFile(
      path,
      init.replace(last, () => `${deed}${last}`),
    );
    const package_ = await pathFrom("image/boot/debian-package.sh", ["busybox-static"]);
    const script = new URL("initrd.sh", boot).pathname;
    await inToolRoot([script, "--inside", dir, join(package_, "root/usr/bin/busybox"), path]);
    return await readFile(join(dir, "initrd.zst"));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
