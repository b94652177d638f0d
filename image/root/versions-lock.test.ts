/** What is pinned is pinned once, and what repeats it says the same. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { compareDebianVersions } from "../../runtime/sbom-audit/debian-version.ts";

const here = import.meta.dirname;
const read = (path: string) => readFile(join(here, path), "utf8");
const lines = (await read("versions.lock")).trimEnd().split("\n");
const rows = lines.map((line) => line.split(" "));

test("each line names a package, its version and checksum, and the source of both", () => {
  for (const [index, row] of rows.entries()) {
    const [name, version, sum, source, sourceVersion, use] = row;
    assert.match(name!, /^[a-z0-9][a-z0-9+.-]+$/, lines[index]);
    assert.match(version!, /^[0-9][A-Za-z0-9.+:~-]*$/, lines[index]);
    assert.match(sum!, /^[0-9a-f]{64}$/, lines[index]);
    assert.match(source!, /^[a-z0-9][a-z0-9+.-]+$/, lines[index]);
    assert.ok(compareDebianVersions(sourceVersion!, "0") > 0, lines[index]);
    if (use !== undefined) assert.match(use, /^(kernel|initramfs|bundle|rpi)$/, lines[index]);
  }
  assert.equal(new Set(rows.map(([name]) => name)).size, rows.length, "each once");
});

test("the kernel is built from the source that is pinned", async () => {
  const [, version, sum] = rows.find(([, , , , , use]) => use === "kernel")!;
  const script = await read("../kernel/build.sh");
  assert.equal(/^source_version=(.*)$/m.exec(script)?.[1], version);
  assert.equal(/^source_sha256=(.*)$/m.exec(script)?.[1], sum);
});

test("whatever else is taken from Debian for an image or a bundle is pinned too", async () => {
  const scripts = ["../boot/initrd.sh", "../boards/rpi/firmware.sh", "../../bundle/nats-server.sh"];
  const texts = (await Promise.all(scripts.map(read))).join("\n");
  const taken = [...texts.matchAll(/\$\("(?:\$here\/debian-package\.sh|\$fetch)" ([a-z0-9-]+)/g)].map(
    ([, name]) => name,
  );
  assert.deepEqual(taken.toSorted(), ["busybox-static", "raspi-firmware", "u-boot-rpi"]);
  for (const name of [...taken, "nats-server"])
    assert.ok(
      rows.some((row) => row[0] === name && row.length === 6),
      name,
    );
});
