import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../bundle/paths.ts";
import { ensureBundle } from "../image/bundle-step.ts";
import { makeBundle } from "../image/ota/bundle.ts";
import { signerFrom } from "../image/ota/signer.ts";
import { collectParts, type Parts } from "../image/parts.ts";
import { createSteps } from "../image/steps.ts";
import { readBundleInfo } from "../runtime/ota/raucb.ts";
import type { BundleInfo } from "../runtime/update/types.ts";
import type { Bench } from "./kit/bench.ts";

export interface BenchBundle {
  what: string;
  path: string;
  info: BundleInfo;
  /** The images of its slots. */
  slots: string[];
}

/**
 * The image of this tree, the same with changes in its JavaScript, and the same with another C library. They are made in the
 * folder, or taken from there.
 */
export async function makeBundles(bench: Bench, dir: string): Promise<BenchBundle[]> {
  const list = join(dir, "bundles.json");
  const there = await readFile(list, "utf8").catch(() => undefined);
  if (there !== undefined) return JSON.parse(there) as BenchBundle[];
  await mkdir(dir, { recursive: true });
  const steps = createSteps((line) => bench.progress(line));
  await ensureBundle();
  const js = join(bench.dir, "js");
  const library = join(bench.dir, "libc");
  await changeScripts(js);
  await mkdir(library);
  const { stdout } = await promisify(execFile)(join(root, "bench/ota-package.sh"), [library]);
  const signer = await signerFrom({});
  const onMessage = () => undefined;
  const made: BenchBundle[] = [];
  for (const [what, version, overlay] of [
    ["as it is", "1.0.0", undefined],
    ["JavaScript only", "1.0.1", js],
    [`one Debian package (libc6 ${stdout.trim()})`, "1.0.2", library],
  ] as const) {
    bench.progress(`building: ${what}`);
    const parts: Parts = await collectParts(steps, { onMessage, overlay });
    const { path } = await makeBundle({
      ...{ board: "virt", parts, version, signer, steps, outDir: dir, onMessage },
    });
    made.push({ what, path, info: await readBundleInfo(path), slots: [] });
    if (overlay === undefined) await cp(join(parts.root, "root.img"), join(dir, "root.img"));
  }
  const first = made[0]!;
  await bootSlotOf(bench, first, join(dir, "boot.img"));
  first.slots.push(join(dir, "root.img"), join(dir, "boot.img"));
  await writeFile(list, JSON.stringify(made));
  return made;
}

/** A statement in the middle of the program's three largest files, as a change of some lines makes it. */
async function changeScripts(overlay: string): Promise<void> {
  const from = join(root, "dist/umec-linux-arm64/lib");
  const to = join(overlay, "usr/lib/umec/lib");
  await mkdir(to, { recursive: true });
  const scripts = (await readdir(from)).filter((name) => name.endsWith(".mjs"));
  const sizes = await Promise.all(
    scripts.map(async (name) => ({ name, bytes: (await stat(join(from, name))).size })),
  );
  for (const { name } of sizes.toSorted((a, b) => b.bytes - a.bytes).slice(0, 3)) {
    const text = await readFile(join(from, name), "utf8");
    const at = text.indexOf("\n", text.length / 2) + 1;
    await writeFile(join(to, name), `${text.slice(0, at)}/* changed: ${name} */\n${text.slice(at)}`);
  }
}

async function bootSlotOf(bench: Bench, { path }: BenchBundle, slot: string): Promise<void> {
  await cp(path, join(bench.dir, "to-unpack.raucb"));
  const { inToolRoot } = await import("../image/tool.ts");
  await inToolRoot(
    ["unsquashfs", "-quiet", "-no-progress", "-d", "unpacked", "to-unpack.raucb", "boot.img"],
    {
      cwd: bench.dir,
    },
  );
  await cp(join(bench.dir, "unpacked/boot.img"), slot);
}
