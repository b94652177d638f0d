import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cacheDir } from "../../bundle/paths.ts";
import { createScratch } from "../../runtime/test-scratch.ts";
import { inToolRoot, pathFrom } from "../tool.ts";

const scratch = createScratch();

test("the initramfs holds busybox and our init, and is made again byte for byte", async () => {
  const initrd = await pathFrom("image/boot/initrd.sh", []);
  assert.ok(initrd.startsWith(cacheDir()));
  const listed = await inToolRoot(["sh", "-c", 'zstd -dc "$1" | cpio -t --quiet', "sh", initrd]);
  assert.deepEqual(listed.trim().split("\n"), [
    ...[".", "bin", "bin/busybox", "dev", "init", "lower", "proc", "root", "sys", "upper"],
  ]);
  const dir = await scratch();
  const busybox = join(
    await pathFrom("image/boot/debian-package.sh", ["busybox-static"]),
    "root/usr/bin/busybox",
  );
  await inToolRoot([
    join(import.meta.dirname, "initrd.sh"),
    "--inside",
    dir,
    busybox,
    join(import.meta.dirname, "init"),
  ]);
  assert.deepEqual(await readFile(join(dir, "initrd.zst")), await readFile(initrd));
});

test("every program that init calls is in that busybox", async () => {
  const init = await readFile(join(import.meta.dirname, "init"), "utf8");
  const called = new Set([...init.matchAll(/\$busybox (\w+)/g)].map(([, name]) => name!));
  assert.ok(called.has("switch_root") && called.has("mount"));
  const busybox = join(
    await pathFrom("image/boot/debian-package.sh", ["busybox-static"]),
    "root/usr/bin/busybox",
  );
  const applets = await inToolRoot(["strings", "-n", "2", busybox]);
  const known = new Set(applets.split("\n"));
  for (const name of called) assert.ok(known.has(name), name);
});
