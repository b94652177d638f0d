import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../../runtime/test-scratch.ts";
import { boardNames } from "../boards.ts";
import { signBundle, systemConf } from "../ota/sign.ts";
import { createPki } from "../ota/test-pki.ts";
import { inToolRoot } from "../tool.ts";

const scratch = createScratch();

for (const board of boardNames) {
  test(`${board}: RAUC takes the configuration, and knows both slot groups by it`, async () => {
    const dir = await scratch();
    const signer = await createPki(dir);
    await mkdir(join(dir, "content"));
    for (const slot of ["rootfs", "boot"])
      await writeFile(join(dir, "content", `${slot}.img`), Buffer.alloc(65536, slot));
    const images = { rootfs: "rootfs.img", boot: "boot.img" };
    await signBundle(dir, { compatible: `umec-${board}`, version: "1.0.0", images }, signer);
    const said = await inToolRoot(
      ["rauc", "--conf=system.conf", "info", "--output-format=json", "bundle.raucb"],
      { cwd: dir },
    );
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
  const conf = await systemConf({ compatible: "umec-virt", keyring: join(dir, "keyring.pem") });
  await writeFile(join(dir, "system.conf"), conf.replace("boot-attempts=3", "boot-atempts=3"));
  await assert.rejects(
    inToolRoot(["rauc", "--conf=system.conf", "info", "none"], { cwd: dir }),
    /boot-atempts/,
  );
});
