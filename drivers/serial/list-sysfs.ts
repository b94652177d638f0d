import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { PortInfo } from "./discover.ts";

/**
 * The serial ports below `root` (`/`), as the kernel shows them: those of `/sys/class/tty` with a device behind. The
 * PC's four ports that are there whether there is hardware or not have none.
 */
export async function listFromSysfs(root: string): Promise<PortInfo[]> {
  const dir = join(root, "sys/class/tty");
  const names = await readdir(dir).catch(() => []);
  const byId = await linksIn(root, "dev/serial/by-id");
  const byPath = await linksIn(root, "dev/serial/by-path");
  const ports = await Promise.all(names.sort().map((name) => describe(dir, name)));
  return ports
    .filter((port) => port !== undefined)
    .map((port) => {
      const name = basename(port.path);
      // Two of a maker who gives no serial numbers have one name by-id: only their places differ.
      const order = port.serialNumber === undefined ? [byPath, byId] : [byId, byPath];
      const lasting = order.map((links) => links.get(name)).find((link) => link !== undefined);
      return lasting === undefined ? port : { ...port, lasting };
    });
}

/** udev's links in a folder, by the name of what they point to. */
async function linksIn(root: string, folder: string): Promise<Map<string, string>> {
  const names = await readdir(join(root, folder)).catch(() => []);
  const links = names.sort().map(async (name): Promise<[string, string] | undefined> => {
    const target = await readlink(join(root, folder, name)).catch(() => undefined);
    return target === undefined ? undefined : [basename(target), `/${folder}/${name}`];
  });
  return new Map((await Promise.all(links)).filter((link) => link !== undefined));
}

async function describe(dir: string, name: string): Promise<PortInfo | undefined> {
  const device = join(dir, name, "device");
  const driver = await readlink(join(device, "driver")).then(basename, () => undefined);
  if (driver === undefined) return undefined;
  // 8250 shows ports that are not there; their type is 0 (PORT_UNKNOWN).
  const type = await text(join(dir, name, "type"));
  if (type === "0") return undefined;
  const usb = await usbDeviceOf(device);
  return {
    path: `/dev/${name}`,
    ...(usb && {
      manufacturer: await text(join(usb, "manufacturer")),
      serialNumber: await text(join(usb, "serial")),
      vendorId: await text(join(usb, "idVendor")),
      productId: await text(join(usb, "idProduct")),
    }),
  };
}

/** The directory of the USB device that a port belongs to: the first above it that has an idVendor. */
async function usbDeviceOf(device: string): Promise<string | undefined> {
  let at = await realpath(device);
  for (let levels = 0; levels < 4; levels++) {
    if ((await text(join(at, "idVendor"))) !== undefined) return at;
    at = dirname(at);
  }
  return undefined;
}

async function text(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").then(
    (found) => found.trim() || undefined,
    () => undefined,
  );
}
