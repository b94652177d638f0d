/**
 * The smallest guest that can touch hardware, for tests of the devices alone: our kernel, and an initramfs with
 * nothing but busybox and a root shell on the console. It is up in seconds and needs no image.
 */
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeRtu, isIntact } from "../../../drivers/modbus/rtu-frame.ts";
import { inToolRoot, pathFrom } from "../../../image/tool.ts";
import { Console } from "../console.ts";
import { machines } from "../machines/index.ts";
import { serialArgs, sharedMemory } from "../machines/machine.ts";
import { consoleChardev, type Run, startRun } from "../run.ts";
import { greeting, runInShell } from "../shell.ts";
import { guestNames } from "./guest-names.ts";
import { emulatorKernelArgs } from "./kernel-args.ts";
import type { DeviceAttachment, MachineName } from "./types.ts";

const board: Readonly<
  Record<MachineName, { args: string[]; console: string; dtb?: string; memoryMiB: number }>
> = {
  virt: { args: ["-M", "virt", "-cpu", "cortex-a53"], console: "ttyAMA0", memoryMiB: 256 },
  "imx8mp-evk": { args: ["-M", "imx8mp-evk"], console: "ttymxc1", dtb: "imx8mp-evk.dtb", memoryMiB: 512 },
  raspi3b: { args: ["-M", "raspi3b"], console: "ttyS1", dtb: "bcm2837-rpi-3-b.dtb", memoryMiB: 1024 },
};

const init = `#!/bin/busybox sh
/bin/busybox mkdir -p /bin /proc /sys /dev
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
echo '${greeting}'
while :; do setsid cttyhack sh; done
`;

export interface TestGuest extends AsyncDisposable {
  /** Runs a command as root and returns what it printed; throws if its status is not 0. */
  sh(command: string): Promise<string>;
  /** Cuts the power and starts the board anew with the same devices. */
  powerCycle(): Promise<void>;
}

/** Starts it; it ends with the signal. The folder is its own, with a short path. */
export async function startTestGuest(
  machine: MachineName,
  devices: readonly DeviceAttachment[],
  signal: AbortSignal,
): Promise<TestGuest> {
  const dir = await mkdtemp("/tmp/umec-guest-");
  const { memoryMiB, dtb, ...rest } = board[machine];
  const kernel = await pathFrom("image/kernel/build.sh", []);
  const initrd = await makeInitramfs(dir);
  const isShared = devices.some((device) => device.memory?.(machine) === "shared-memory");
  const serial = devices.find((device) => device.serialArg)?.serialArg?.(machine);
  const args = [
    ...rest.args,
    ...["-m", `${memoryMiB}M`, "-accel", "tcg,thread=multi", "-net", "none"],
    ...["-kernel", join(kernel, "Image"), "-initrd", initrd],
    ...["-append", `console=${rest.console} rdinit=/init loglevel=4 ${emulatorKernelArgs[machine]}`],
    ...(dtb === undefined ? [] : ["-dtb", join(kernel, "dtbs", dtb)]),
    ...(isShared ? sharedMemory(memoryMiB) : []),
    ...serialArgs(machines[machine], consoleChardev, serial),
    ...devices.flatMap((device) => device.qemuArgs(machine, dir)),
  ];
  const log = new Console(join(dir, "console.log"));
  let run: Run | undefined;

  const powerOn = async (): Promise<void> => {
    const context = { machine, dir, signal };
    for (const device of devices) await device.beforeStart?.(context);
    run = await startRun({ dir, args, onConsole: (socket) => log.attach(socket), signal });
    for (const device of devices) await device.afterStart?.({ ...context, qmp: run.qmp, qtest: run.qtest });
    await run.go();
    // Nothing is typed before the shell of this start asks for it. A PL011 that has more than its driver empties when
    // the tty is opened never interrupts again, and half a line in quotes is worse than none.
    await log.expect(/built-in shell[\s\S]*?~ # /, { timeoutMs: 120_000, signal });
    await runInShell(log, "echo 0 >/proc/sys/kernel/printk", { timeoutMs: 120_000, signal });
  };
  const powerOff = async (): Promise<void> => {
    await run?.kill();
    for (const device of devices) await device.afterExit?.();
  };
  const shell = (command: string) => runInShell(log, command, { timeoutMs: 60_000, signal });
  const stop = async (): Promise<void> => {
    await powerOff();
    for (const device of devices) await device.stop();
    await log.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await powerOn();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    async sh(command) {
      const { output, status } = await shell(command);
      if (status !== 0) throw new Error(`${command} ended with ${status}: ${output}`);
      return output;
    },
    async powerCycle() {
      await powerOff();
      await powerOn();
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function makeInitramfs(dir: string): Promise<string> {
  const busybox = join(
    await pathFrom("image/boot/debian-package.sh", ["busybox-static"]),
    "root/usr/bin/busybox",
  );
  const tree = join(dir, "tree");
  const archive = join(dir, "initramfs.cpio");
  await mkdir(join(tree, "bin"), { recursive: true });
  await copyFile(busybox, join(tree, "bin/busybox"));
  await chmod(join(tree, "bin/busybox"), 0o755);
  await writeFile(join(tree, "init"), init, { mode: 0o755 });
  const pack = 'cd "$1" && find . | cpio --quiet -o -H newc >"$2"';
  await inToolRoot(["sh", "-c", pack, "pack", tree, archive]);
  return archive;
}

/** Reads a holding register through the tty of the free serial port; `undefined` if nobody answered within 1 s. */
export async function askModbus(
  guest: TestGuest,
  machine: MachineName,
  unit: number,
  register: number,
): Promise<number | undefined> {
  const tty = guestNames[machine].serial;
  const request = encodeRtu(unit, Uint8Array.of(3, register >> 8, register & 255, 0, 1));
  const typed = [...request].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  // The answer has 7 bytes. A read gives up when nothing has come for a second (VTIME), and then dd ends.
  const reply = await guest.sh(`exec 3<>${tty}
stty raw -echo min 0 time 10 <&3
printf '${typed}' >&3
i=0
while [ $i -lt 7 ]; do
  byte=$(dd bs=1 count=1 <&3 2>/dev/null | hexdump -v -e '1/1 "%02x"')
  [ -n "$byte" ] || break
  printf %s "$byte"
  i=$((i + 1))
done
exec 3>&-`);
  const frame = Buffer.from(reply, "hex");
  return frame.length === 7 && isIntact(frame, 0, frame.length) ? frame.readUInt16BE(3) : undefined;
}
