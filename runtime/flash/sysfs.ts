/** What the kernel says of block devices: /sys/class/block, see sysfs(5) and Documentation/ABI/stable/sysfs-block. */
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

const root = "/sys/class/block";

/** Text of an attribute, or `undefined` when there is none or it is empty. */
export async function attribute(...path: string[]): Promise<string | undefined> {
  const text = await readFile(join(...path), "utf8").catch(() => "");
  return text.trim() === "" ? undefined : text.trim();
}

/** The kernel's name (`sda`, `mmcblk0p1`) of the device with this `major:minor`. */
export async function nameOfDevice(device: string): Promise<string | undefined> {
  const path = await realpath(join("/sys/dev/block", device)).catch(() => undefined);
  return path?.slice(path.lastIndexOf("/") + 1);
}

/** The `major:minor` of a device file's `rdev`, by the coding of Linux's `dev_t`. */
export function deviceNumber(rdev: number): string {
  const high = Math.floor(rdev / 2 ** 32);
  const low = rdev % 2 ** 32;
  const major = ((low >>> 8) & 0xfff) | (high & 0xffff_f000);
  const minor = (low & 0xff) | ((low >>> 12) & 0xffff_ff00);
  return `${major}:${minor}`;
}

/** The `major:minor` of the device file at `path`, if it is one of a block device. */
export async function deviceAt(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isBlockDevice() ? deviceNumber(found.rdev) : undefined;
}

export interface BlockDevice {
  /** As in /dev. */
  name: string;
  device: string;
  bytes: number;
  readOnly: boolean;
  removable: boolean;
  sectorBytes: number;
  /** Of a partition: the disk that it is on. */
  disk?: string;
  model?: string;
  serial?: string;
}

export async function readBlockDevice(name: string): Promise<BlockDevice> {
  const at = await realpath(join(root, name));
  const partition = await attribute(at, "partition");
  const [model, serial] = [await modelOf(at), await serialOf(at)];
  return {
    name,
    device: (await attribute(at, "dev")) ?? "",
    // Always in units of 512 bytes, whatever the sectors are.
    bytes: Number(await attribute(at, "size")) * 512,
    readOnly: (await attribute(at, "ro")) === "1",
    removable: (await attribute(at, "removable")) === "1",
    sectorBytes: Number((await attribute(at, "queue", "logical_block_size")) ?? 512),
    ...(partition !== undefined && { disk: dirname(at).replace(/.*\//, "") }),
    ...(model !== undefined && { model }),
    ...(serial !== undefined && { serial }),
  };
}

async function modelOf(at: string): Promise<string | undefined> {
  const backing = await attribute(at, "loop", "backing_file");
  if (backing !== undefined) return `loop device of ${backing}`;
  // SCSI, USB and NVMe have a model, an MMC has a name.
  const model = (await attribute(at, "device", "model")) ?? (await attribute(at, "device", "name"));
  const vendor = await attribute(at, "device", "vendor");
  // A PCI or virtio device has a number there.
  const maker = vendor === undefined || /^0x|^ATA$/i.test(vendor) ? [] : [vendor];
  if (model !== undefined) return [...maker, model].join(" ");
  return ofUsbDevice(at, async (dir) => {
    const words = [await attribute(dir, "manufacturer"), await attribute(dir, "product")];
    return words.filter((word) => word !== undefined).join(" ");
  });
}

async function serialOf(at: string): Promise<string | undefined> {
  return (
    (await attribute(at, "device", "serial")) ??
    (await attribute(at, "serial")) ??
    (await ofUsbDevice(at, (dir) => attribute(dir, "serial")))
  );
}

/** Asks the USB device that a disk hangs on: the nearest folder above it that has a vendor's number. */
async function ofUsbDevice<T>(at: string, ask: (dir: string) => Promise<T>): Promise<T | undefined> {
  for (let dir = dirname(at); dir.startsWith("/sys/devices/"); dir = dirname(dir))
    if ((await attribute(dir, "idVendor")) !== undefined) return ask(dir);
  return undefined;
}

export interface Partition {
  name: string;
  bytes: number;
  /** PARTLABEL. */
  label?: string;
}

/** The partitions that the kernel knows of a disk, by number. */
export async function readPartitions(disk: string): Promise<Partition[]> {
  const partitions: (Partition & { number: number })[] = [];
  for (const name of await readdir(join(root, disk)).catch(() => [])) {
    const number = await attribute(root, disk, name, "partition");
    if (number === undefined) continue;
    const label = /^PARTNAME=(.*)$/m.exec((await attribute(root, disk, name, "uevent")) ?? "")?.[1];
    partitions.push({
      number: Number(number),
      name,
      bytes: Number(await attribute(root, disk, name, "size")) * 512,
      ...(label !== undefined && { label }),
    });
  }
  return partitions.sort((a, b) => a.number - b.number).map(({ number: _, ...partition }) => partition);
}

/** The devices that are made of this one (device mapper, RAID). */
export async function readHolders(name: string): Promise<string[]> {
  return readdir(join(root, name, "holders")).catch(() => []);
}

/** The loop device that `file` is attached to, if any. */
export async function loopOf(file: string): Promise<string | undefined> {
  for (const name of await readdir(root).catch(() => []))
    if (name.startsWith("loop") && (await attribute(root, name, "loop", "backing_file")) === file)
      return name;
  return undefined;
}
