import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { adapterNumber } from "./adapters.ts";

const dir = await mkdtemp(join(tmpdir(), "adapters-"));
after(() => rm(dir, { recursive: true }));
/** As /sys/bus/i2c/devices is on a board: adapters, and a device of one of them. */
const sysfs = join(dir, "devices");
for (const [entry, name] of [
  ["i2c-1", "bcm2835 (i2c@7e804000)"],
  ["i2c-2", "bcm2835 (i2c@7e805000)"],
  ["i2c-10", "i2c_virtio at virtio bus 0"],
  ["1-0048", "tmp105"],
] as const) {
  await mkdir(join(sysfs, entry), { recursive: true });
  await writeFile(join(sysfs, entry, "name"), `${name}\n`);
}

test("a number is itself, a path has one at its end, also behind a link", async () => {
  await writeFile(join(dir, "i2c-7"), "");
  await symlink(join(dir, "i2c-7"), join(dir, "i2c-sensors"));
  assert.equal(await adapterNumber(3), 3);
  assert.equal(await adapterNumber(join(dir, "i2c-7")), 7);
  assert.equal(await adapterNumber(join(dir, "i2c-sensors")), 7);
  const missing = { code: "I2C_NO_BUS", message: /i2c-9 can't be opened \(ENOENT\)/ };
  await assert.rejects(adapterNumber(join(dir, "i2c-9")), missing);
  await assert.rejects(adapterNumber("/dev/null"), { code: "I2C_NO_BUS", message: /is no I2C adapter/ });
});

test("a name, or the beginning of one, is an adapter's if it is one adapter's alone", async () => {
  assert.equal(await adapterNumber("bcm2835 (i2c@7e805000)", sysfs), 2);
  assert.equal(await adapterNumber("i2c_virtio", sysfs), 10);
  await assert.rejects(adapterNumber("bcm2835", sysfs), {
    code: "I2C_NO_BUS",
    message: /2 I2C adapters/,
    hint: /1 "bcm2835 \(i2c@7e804000\)", 2 /,
  });
  await assert.rejects(adapterNumber("tmp105", sysfs), { code: "I2C_NO_BUS", message: /no I2C adapter/ });
  await assert.rejects(adapterNumber("x", join(dir, "none")), { hint: "this machine has no adapter" });
});
