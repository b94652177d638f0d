/**
 * Where an image may go: a whole disk that nobody uses, or a file. What is refused here can't be forced, but for a disk
 * that is larger than cards are: nobody means to overwrite the disk that this system runs from, or one that is mounted.
 */
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { UmecError } from "../errors.ts";
import {
  deviceNumber,
  loopOf,
  nameOfDevice,
  type Partition,
  readBlockDevice,
  readPartitions,
} from "./sysfs.ts";
import { type DiskUser, findUsers, swapPaths } from "./users.ts";

/** The largest disk that is written without being told to: cards are not larger, the disks of computers are. */
export const largeBytes = 256e9;

export interface DiskTarget {
  kind: "disk";
  /** As it was named. */
  path: string;
  bytes: number;
  model?: string;
  serial?: string;
  removable: boolean;
  partitions: readonly Partition[];
}

export interface FileTarget {
  kind: "file";
  path: string;
  /** `undefined`: it is to be made. */
  bytes?: number;
}

export interface TargetOptions {
  /** Whether a disk may be larger than {@link largeBytes}. @default false */
  large?: boolean;
}

/**
 * Looks at what is to be written, without touching it.
 *
 * @throws UmecError `FLASH_NO_DISK`, `FLASH_BUSY`, `FLASH_READ_ONLY`, `FLASH_TOO_LARGE`
 */
export async function findTarget(
  path: string,
  options: TargetOptions = {},
): Promise<DiskTarget | FileTarget> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return newFile(path);
  if (found.isFile()) return existingFile(path, found.size);
  if (!found.isBlockDevice()) {
    const what = found.isDirectory() ? "a folder" : "neither a disk nor a file";
    throw new UmecError("FLASH_NO_DISK", `${path} is ${what}`, { hint: listDisks });
  }
  return disk(path, deviceNumber(found.rdev), options);
}

const listDisks = "`lsblk -o NAME,SIZE,MODEL,MOUNTPOINTS` lists the disks";

async function newFile(path: string): Promise<FileTarget> {
  const folder = await realpath(dirname(path)).catch(() => undefined);
  if (folder === undefined)
    throw new UmecError("FLASH_NO_DISK", `there is no folder ${dirname(path)}`, { hint: listDisks });
  // A disk that is not plugged in, or a typing error; a file there would fill the memory.
  if (folder === "/dev" || folder.startsWith("/dev/disk"))
    throw new UmecError("FLASH_NO_DISK", `there is no disk ${path}`, { hint: listDisks });
  return { kind: "file", path };
}

async function existingFile(path: string, bytes: number): Promise<FileTarget> {
  const real = await realpath(path);
  const loop = await loopOf(real);
  if (loop !== undefined) {
    throw new UmecError("FLASH_BUSY", `${path} is in use: it is the loop device /dev/${loop}`, {
      hint: `detach it: losetup -d /dev/${loop}, or write to /dev/${loop}`,
    });
  }
  if ((await swapPaths()).includes(real))
    throw new UmecError("FLASH_BUSY", `${path} is in use as swap`, { hint: `swapoff ${path}` });
  return { kind: "file", path, bytes };
}

async function disk(path: string, device: string, { large = false }: TargetOptions): Promise<DiskTarget> {
  const name = await nameOfDevice(device);
  if (name === undefined)
    throw new UmecError("FLASH_NO_DISK", `the kernel knows no disk for ${path}`, { hint: listDisks });
  const facts = await readBlockDevice(name);
  if (facts.disk !== undefined) {
    throw new UmecError("FLASH_NO_DISK", `${path} is a partition`, {
      hint: `an image goes to the whole disk: /dev/${facts.disk}`,
    });
  }
  const users = await findUsers(name);
  if (users.length > 0) throw busy(path, users);
  const { bytes, readOnly, sectorBytes, removable, model, serial } = facts;
  if (bytes === 0)
    throw new UmecError("FLASH_NO_DISK", `there is no card in ${path}`, { hint: "put one in" });
  if (readOnly) {
    throw new UmecError("FLASH_READ_ONLY", `${path} is write protected`, {
      hint: "does the card's adapter have a switch?",
    });
  }
  if (sectorBytes !== 512) {
    throw new UmecError("FLASH_NO_DISK", `${path} has sectors of ${sectorBytes} bytes`, {
      hint: "images are for disks with sectors of 512 bytes, as all cards have: take another one",
    });
  }
  if (bytes > largeBytes && !large) {
    const size = `${Math.round(bytes / 1e9)} GB`;
    throw new UmecError("FLASH_TOO_LARGE", `${path} has ${size}, more than a card: is it the right disk?`, {
      hint: "if it is, say so with --force-large",
    });
  }
  return {
    kind: "disk",
    path,
    bytes,
    removable,
    ...(model !== undefined && { model }),
    ...(serial !== undefined && { serial }),
    partitions: await readPartitions(name),
  };
}

const systemMounts = /^\/($|boot($|\/)|usr($|\/)|etc($|\/)|var($|\/)|home($|\/)|data$|nix($|\/))/;

function busy(path: string, users: readonly DiskUser[]): UmecError {
  const what = users.map(({ what }) => what).join(", ");
  if (users.some(({ mountedAt }) => mountedAt !== undefined && systemMounts.test(mountedAt))) {
    return new UmecError("FLASH_BUSY", `${path} is the disk that this system runs from: ${what}`, {
      hint: `name the card instead; ${listDisks}`,
    });
  }
  const mounts = users.flatMap(({ mountedAt }) => (mountedAt === undefined ? [] : [mountedAt]));
  const hint =
    mounts.length > 0
      ? `is it the right disk? Then: umount ${mounts.map((at) => JSON.stringify(at)).join(" ")}`
      : "is it the right disk? Then end what uses it";
  return new UmecError("FLASH_BUSY", `${path} is in use: ${what}`, { hint });
}
