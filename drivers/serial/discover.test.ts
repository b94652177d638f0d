import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { recordingLog } from "../../runtime/plugin/testkit.ts";
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
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

test("ports with a device behind are listed, with what USB says of it", async () => {
  await using at = await board();
  assert.deepEqual(await listFromSysfs(at.root), [
    {
      path: "/dev/ttyACM0",
      manufacturer: "u-blox AG",
      serialNumber: undefined,
      vendorId: "1546",
      productId: "01a8",
    },
    { path: "/dev/ttyAMA0" },
  ]);
  assert.deepEqual(await listFromSysfs(join(at.root, "nothing")), []);
});

test("a receiver's port gives a plugin that runs, any other is named", () => {
  const found = foundOf({
    path: "/dev/ttyACM0",
    manufacturer: "u-blox AG",
    vendorId: "1546",
    productId: "01a8",
    pnpId: "usb-u-blox-if00",
  });
  assert.equal(found.summary, "/dev/ttyACM0: u-blox AG, 1546:01a8 (GNSS receiver of u-blox)");
  assert.equal(found.plugin?.options.path, "/dev/serial/by-id/usb-u-blox-if00");
  assert.deepEqual(checkOptions(found.plugin?.options as SerialOptions), []);
  assert.deepEqual(foundOf({ path: "/dev/ttyAMA0" }), { summary: "/dev/ttyAMA0" });
});

test("the ports of this computer are looked for without an error", async () => {
  const options = { signal: new AbortController().signal, log: recordingLog(() => {}) };
  for await (const { summary } of discoverPorts(options)) assert.match(summary, /^\/dev\//);
});
