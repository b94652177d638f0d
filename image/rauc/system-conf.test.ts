import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../bundle/paths.ts";
import { createScratch } from "../../runtime/test-scratch.ts";
import { boardNames } from "../boards.ts";
import { inToolRoot } from "../tool.ts";

const scratch = createScratch();

for (const board of boardNames) {
  test(`${board}: RAUC takes the configuration, and knows both slot groups by it`, async () => {
    const dir = await scratch();
    const template = await readFile(join(root, "image/rauc/system.conf.in"), "utf8");
    await writeFile(
      join(dir, "system.conf"),
      template.replace("compatible=umec-@BOARD@", `compatible=umec-${board}`),
    );
    const script = `
      mkdir content
      openssl req -quiet -x509 -newkey rsa:2048 -nodes -keyout key.pem -out keyring.pem -days 2 -subj /CN=test
      sed -i "s#/etc/rauc/keyring.pem#$PWD/keyring.pem#" system.conf
      printf '[update]\\ncompatible=umec-%s\\nversion=1\\n[bundle]\\nformat=verity\\n' "$1" >content/manifest.raucm
      for slot in rootfs boot; do
        head -c 65536 /dev/urandom >"content/$slot.img"
        printf '[image.%s]\\nfilename=%s.img\\n' "$slot" "$slot" >>content/manifest.raucm
      done
      rauc --conf=system.conf --cert=keyring.pem --key=key.pem bundle content bundle.raucb >&2
      rauc --conf=system.conf info --output-format=json bundle.raucb`;
    const said = await inToolRoot(["sh", "-e", "-c", script, "sh", board], { cwd: dir });
    const bundle = JSON.parse(said) as { compatible: string; images: Record<string, unknown>[] };
    assert.equal(bundle.compatible, `umec-${board}`);
    assert.deepEqual(
      bundle.images.flatMap((image) => Object.keys(image)),
      ["rootfs", "boot"],
    );
  });
}

test("a key that RAUC does not know would be noticed", async () => {
  const dir = await scratch();
  const template = await readFile(join(root, "image/rauc/system.conf.in"), "utf8");
  await writeFile(join(dir, "system.conf"), template.replace("boot-attempts=3", "boot-atempts=3"));
  await assert.rejects(
    inToolRoot(["rauc", "--conf=system.conf", "info", "none"], { cwd: dir }),
    /boot-atempts/,
  );
});
