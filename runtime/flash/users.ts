/** Who uses a disk now: mounts, swap, and devices that are made of it, such as those of RAID, LVM and encryption. */
import { readFile } from "node:fs/promises";
import { attribute, deviceAt, readHolders, readPartitions } from "./sysfs.ts";

export interface DiskUser {
  /** In words: `/dev/sda1 is mounted at /boot`. */
  what: string;
  /** Where it is mounted. */
  mountedAt?: string;
}

/** @param disk the kernel's name, such as `sda` */
export async function findUsers(disk: string): Promise<DiskUser[]> {
  const [mounts, swaps] = [await readMounts(), await readSwaps()];
  const users: DiskUser[] = [];
  const look = async (name: string, seen: readonly string[]): Promise<void> => {
    if (seen.includes(name)) return;
    const device = await attribute("/sys/class/block", name, "dev");
    for (const mount of mounts) {
      if (mount.device !== device && mount.source !== device) continue;
      users.push({ what: `/dev/${name} is mounted at ${mount.at}`, mountedAt: mount.at });
    }
    if (device !== undefined && swaps.has(device)) users.push({ what: `/dev/${name} is used as swap` });
    const holders = await readHolders(name);
    for (const holder of holders) {
      const before = users.length;
      await look(holder, [...seen, name]);
      if (users.length > before) continue;
      const called = await attribute("/sys/class/block", holder, "dm", "name");
      users.push({
        what: `/dev/${name} is part of /dev/${called === undefined ? holder : `mapper/${called}`}`,
      });
    }
  };
  await look(disk, []);
  for (const { name } of await readPartitions(disk)) await look(name, [disk]);
  return users;
}

interface Mount {
  /** `major:minor` of the file system, which is none of a device's for some. */
  device: string;
  /** `major:minor` of the device that it was mounted from, such as of btrfs. */
  source: string | undefined;
  at: string;
}

/** proc_pid_mountinfo(5). */
async function readMounts(): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const line of (await readFile("/proc/self/mountinfo", "utf8")).split("\n")) {
    const [front, back] = line.split(" - ");
    const [, , device, , at] = front?.split(" ") ?? [];
    const source = back?.split(" ")[1];
    if (device === undefined || at === undefined || source === undefined) continue;
    const from = source.startsWith("/") ? await deviceAt(unoctal(source)) : undefined;
    mounts.push({ device, source: from, at: unoctal(at) });
  }
  return mounts;
}

async function readSwaps(): Promise<Set<string>> {
  const devices = new Set<string>();
  for (const path of await swapPaths()) {
    const device = await deviceAt(path);
    if (device !== undefined) devices.add(device);
  }
  return devices;
}

/** Devices and files that are swap. */
export async function swapPaths(): Promise<string[]> {
  const text = await readFile("/proc/swaps", "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => (line === "" ? [] : [unoctal(line.split(/\s/, 1)[0]!)]));
}

/** A blank is `\040` there. */
function unoctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
