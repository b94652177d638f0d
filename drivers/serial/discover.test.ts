import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { checkOptions } from "./check.ts";
import { discoverPorts, foundOf } from "./discover.ts";
import { listFromSysfs } from "./list-sysfs.ts";
import type { SerialOptions } from "./options.ts";

/** A tree as the kernel shows it: a UART of the board, one that is not there, a USB receiver, a console. */
async function board(): Promise<{ root: string } & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), "tty-"));
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), `${text}\n`);
  };
  const link = async (path: string, target: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await mkdir(join(root, target), { recursive: true });
    await symlink(join(root, target), join(root, path));
  };
  await put("sys/class/tty/tty0/dev", "4:0");
  for (const [name, driver, type] of [
    ["ttyAMA0", "uart-pl011", "32"],
    ["ttyS3", "serial8250", "0"],
  ] as const) {
    await link(`sys/devices/${name}/driver`, `sys/bus/drivers/${driver}`);
    await link(`sys/class/tty/${name}/device`, `sys/devices/${name}`);
    await put(`sys/class/tty/${name}/type`, type);
  }
  await put("sys/devices/usb1/1-1/idVendor", "1546");
  await put("sys/devices/usb1/1-1/idProduct", "01a8");
  await put("sys/devices/usb1/1-1/manufacturer", "u-blox AG");
  await link("sys/devices/usb1/1-1/1-1:1.0/driver", "sys/bus/drivers/cdc_acm");
  await link("sys/class/tty/ttyACM0/device", "sys/devices/usb1/1-1/1-1:1.0");
  for (const [name, serial] of [
    ["ttyUSB0", "A5069RR4"],
    ["ttyUSB1", undefined],
  ] as const) {
    const usb = `sys/devices/usb1/1-${name}`;
    await put(`${usb}/idVendor`, "0403");
    await put(`${usb}/idProduct`, "6001");
    if (serial !== undefined) await put(`${usb}/serial`, serial);
    await link(`${usb}/driver`, "sys/bus/usb-serial/drivers/ftdi_sio");
    await link(`sys/class/tty/${name}/device`, usb);
    for (const folder of ["by-id", "by-path"]) {
      await mkdir(join(root, "dev/serial", folder), { recursive: true });
      await symlink(`../../${name}`, join(root, "dev/serial", folder, `of-${name}`));
    }
  }
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

test("ports with a device behind are listed, with what USB says of it and a name that stays", async () => {
  await using at = await board();
  const converter = { manufacturer: undefined, vendorId: "0403", productId: "6001" };
  assert.deepEqual(await listFromSysfs(at.root), [
    {
      path: "/dev/ttyACM0",
      manufacturer: "u-blox AG",
      serialNumber: undefined,
      vendorId: "1546",
      productId: "01a8",
    },
    { path: "/dev/ttyAMA0" },
    {
      ...converter,
      path: "/dev/ttyUSB0",
      serialNumber: "A5069RR4",
      lasting: "/dev/serial/by-id/of-ttyUSB0",
    },
    {
      ...converter,
      path: "/dev/ttyUSB1",
      serialNumber: undefined,
      lasting: "/dev/serial/by-path/of-ttyUSB1",
    },
  ]);
  assert.deepEqual(await listFromSysfs(join(at.root, "nothing")), []);
});

test("a receiver's port gives a plugin that runs, any other is named", () => {
  const found = foundOf({
    path: "/dev/ttyACM0",
    manufacturer: "u-blox AG",
    vendorId: "1546",
    productId: "01a8",
    lasting: "/dev/serial/by-id/usb-u-blox-if00",
  });
  assert.equal(
    found.summary,
    "/dev/ttyACM0: u-blox AG, 1546:01a8, /dev/serial/by-id/usb-u-blox-if00 (GNSS receiver of u-blox)",
  );
  assert.equal(found.plugin?.options.path, "/dev/serial/by-id/usb-u-blox-if00");
  assert.deepEqual(checkOptions(found.plugin?.options as SerialOptions), []);
  assert.deepEqual(foundOf({ path: "/dev/ttyAMA0" }), { summary: "/dev/ttyAMA0" });
});

test("the ports of this computer are looked for without an error", async () => {
  const { signal } = new AbortController();
  for await (const { summary } of discoverPorts({ signal })) assert.match(summary, /^\/dev\//);
});
