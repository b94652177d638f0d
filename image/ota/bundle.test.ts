import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../../runtime/test-scratch.ts";
import type { Parts } from "../parts.ts";
import { createSteps } from "../steps.ts";
import { inToolRoot } from "../tool.ts";
import { makeBundle } from "./bundle.ts";
import { createPki } from "./test-pki.ts";

const scratch = createScratch();

/** Parts that are not the real ones, but have their form. */
async function makeParts(): Promise<Parts> {
  const dir = await scratch();
  const parts = { kernel: join(dir, "kernel"), initrd: join(dir, "initrd.zst"), root: join(dir, "root") };
  await mkdir(join(parts.kernel, "dtbs"), { recursive: true });
  await mkdir(parts.root);
  await writeFile(join(parts.kernel, "Image"), Buffer.alloc(3 << 20, "a kernel "));
  await writeFile(join(parts.kernel, "dtbs/some.dtb"), "a device tree");
  await writeFile(parts.initrd, "an initramfs");
  await writeFile(join(parts.root, "root.img"), Buffer.alloc(5 << 20, "a root slot "));
  await writeFile(join(parts.root, "verity"), "sectors=8\nblocks=1\nhash=5e\nsalt=0d\n");
  return parts;
}

test("a bundle has both slots as a card has them, and is the same when it is made again, but for the signature", async () => {
  const [outDir, signer, parts] = [await scratch(), await createPki(await scratch()), await makeParts()];
  const messages: string[] = [];
  const make = (version: string, dir = outDir) =>
    makeBundle({
      ...{ board: "virt", parts, version, signer, outDir: dir },
      steps: createSteps(() => {}),
      onMessage: (text) => messages.push(text),
    });
  const made = await make("1.4.0");
  assert.deepEqual([basename(made.path), messages], ["umec-1.4.0-virt.raucb", []]);
  assert.equal(made.bytes, (await stat(made.path)).size);

  const tool = (...command: string[]) => inToolRoot(command, { cwd: outDir });
  await tool("unsquashfs", "-no-progress", "-d", "out", made.path);
  const rootSlot = await readFile(join(parts.root, "root.img"));
  assert.ok(rootSlot.equals(await readFile(join(outDir, "out/rootfs.img"))));
  await tool("mcopy", "-i", "out/boot.img", "::slot.env", "slot.env");
  assert.match(
    await readFile(join(outDir, "slot.env"), "utf8"),
    /^args_a=rauc\.slot=A umec\.version=1\.4\.0 /,
  );
  assert.equal((await stat(join(outDir, "out/boot.img"))).size, 48 << 20);

  const bundle = await readFile(made.path);
  assert.ok(bundle.includes(rootSlot), "the root slot does not lie in it in one piece");
  const again = await make("1.4.0", await scratch());
  assert.equal(again.build, made.build);
  const length = bundle.indexOf("a root slot ") + rootSlot.length;
  assert.ok((await readFile(again.path)).subarray(0, length).equals(bundle.subarray(0, length)));

  const next = await make("1.4.1");
  assert.notEqual(next.build, made.build);
});
