import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createScratch } from "../runtime/test-scratch.ts";
import { version } from "../runtime/version.ts";
import { assembleImage } from "./assemble.ts";
import type { Parts } from "./parts.ts";
import { createSteps } from "./steps.ts";
import { inToolRoot } from "./tool.ts";

const scratch = createScratch();

/** Parts that are not the real ones, but have their form. */
async function makeParts(): Promise<Parts> {
  const dir = await scratch();
  const parts = { kernel: join(dir, "kernel"), initrd: join(dir, "initrd.zst"), root: join(dir, "root") };
  await mkdir(join(parts.kernel, "dtbs"), { recursive: true });
  await mkdir(parts.root);
  await writeFile(join(parts.kernel, "Image"), "a kernel");
  await writeFile(join(parts.kernel, "config"), "#\n# Linux/arm64 6.12.0 Kernel Configuration\n#\n");
  await writeFile(join(parts.kernel, "dtbs/bcm2711-rpi-4-b.dtb"), "a device tree");
  await writeFile(parts.initrd, "an initramfs");
  await writeFile(join(dir, "busybox-version"), "1.37\n");
  await writeFile(join(parts.root, "root.img"), "a root slot");
  await truncate(join(parts.root, "root.img"), 1 << 20);
  await writeFile(join(parts.root, "verity"), "sectors=8\nblocks=1\nhash=5e\nsalt=0d\n");
  await writeFile(join(parts.root, "manifest.txt"), "base-files 13 00\n");
  return parts;
}

test("an image comes with its sums, its block map, its manifest and its compressed twin", async () => {
  const outDir = await scratch();
  const lines: string[] = [];
  const messages: string[] = [];
  const { path, bytes } = await assembleImage({
    board: "virt",
    parts: await makeParts(),
    steps: createSteps((line) => lines.push(line)),
    outDir,
    onMessage: (text) => messages.push(text),
  });
  const name = `umec-${version}-virt`;
  assert.equal(path, join(outDir, `${name}.img`));
  const files = [".img", ".img.bmap", ".img.sha256", ".img.zst", ".json", ".packages.txt"].map(
    (end) => name + end,
  );
  assert.deepEqual((await readdir(outDir)).toSorted(), files.toSorted());
  assert.deepEqual(Object.keys(bytes).toSorted(), files.toSorted());
  assert.ok(bytes[`${name}.img`]! < 40e6, "the image is not sparse");
  assert.deepEqual([messages, lines.length], [[], 3]);

  const tool = (...command: string[]) => inToolRoot(command, { cwd: outDir });
  await tool("sha256sum", "--quiet", "-c", `${name}.img.sha256`);
  await tool("sh", "-c", `zstd -dc ${name}.img.zst | cmp - ${name}.img`);
  // bmaptool checks the map's own sum, and those of the blocks.
  await tool("bmaptool", "-q", "copy", "--bmap", `${name}.img.bmap`, `${name}.img.zst`, "flashed");
  await tool("sfdisk", "--verify", "flashed");
  const about = JSON.parse(await readFile(join(outDir, `${name}.json`), "utf8"));
  assert.equal(about.kernel.version, "6.12.0");
  assert.deepEqual(about.root.verity, { sectors: "8", blocks: "1", hash: "5e", salt: "0d" });
});

test("a fast image leaves no compressed one of an older image behind", async () => {
  const outDir = await scratch();
  const name = `umec-${version}-virt.img`;
  await writeFile(join(outDir, `${name}.zst`), "an older one");
  const steps = createSteps(() => {});
  await assembleImage({
    board: "virt",
    parts: await makeParts(),
    steps,
    outDir,
    fast: true,
    onMessage: () => {},
  });
  const made = await readdir(outDir);
  assert.ok(made.includes(name) && !made.includes(`${name}.zst`), made.join());
});

test("the program says how it is used, and refuses what it does not know", async () => {
  const program = join(import.meta.dirname, "make.ts");
  const run = promisify(execFile);
  assert.match((await run(process.execPath, [program, "--help"])).stdout, /^usage: .*\[board…\]/);
  for (const wrong of ["rpi5", "--quick"]) {
    const refused = run(process.execPath, [program, wrong]);
    await assert.rejects(refused, (error: { code: number; stderr: string }) => {
      return error.code === 2 && error.stderr.includes(wrong);
    });
  }
});
